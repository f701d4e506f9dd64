package fetch

import (
	"errors"
	"net/url"
	"strings"

	"github.com/cloudsoda/go-smb2"
	_ "github.com/rclone/rclone/backend/smb" // the backend
)

// openSMB opens smb://user:password@host/share/folder.
func openSMB(u *url.URL) (place, error) {
	if err := knownParameters(u, "domain"); err != nil {
		return nil, err
	}
	options, err := login(u)
	if err != nil {
		return nil, err
	}
	root := strings.Trim(u.Path, "/")
	if root == "" {
		return nil, errors.New("the URL names no share: smb://host/share/folder")
	}
	if domain := u.Query().Get("domain"); domain != "" {
		options["domain"] = domain
	}
	r, err := newRemote("smb", u, root+"/", options)
	if err != nil {
		return nil, err
	}
	r.explain, r.slashes = explainSMB, true
	return r, nil
}

// The answers of a Windows server that the library has no names for
// (MS-ERREF §2.3.1).
const (
	statusAccessDenied     = 0xC0000022
	statusWrongPassword    = 0xC000006A
	statusLogonFailure     = 0xC000006D
	statusAccountRestrict  = 0xC000006E
	statusLogonHours       = 0xC000006F
	statusWorkstation      = 0xC0000070
	statusPasswordExpired  = 0xC0000071
	statusAccountDisabled  = 0xC0000072
	statusFileIsDirectory  = 0xC00000BA
	statusBadNetworkName   = 0xC00000CC
	statusLogonType        = 0xC000015B
	statusPasswordMustSet  = 0xC0000224
	statusAccountLockedOut = 0xC0000234
)

func explainSMB(err error) *Error {
	var answer *smb2.ResponseError
	if !errors.As(err, &answer) {
		return brokenError(err)
	}
	switch answer.Code {
	case statusWrongPassword, statusLogonFailure, statusAccountRestrict, statusLogonHours, statusWorkstation, statusPasswordExpired,
		statusAccountDisabled, statusLogonType, statusPasswordMustSet, statusAccountLockedOut:
		return &Error{Kind: ErrPassword, Detail: answer}
	case statusAccessDenied:
		return &Error{Kind: ErrDenied}
	case statusFileIsDirectory:
		return &Error{Kind: ErrNotAFile}
	case statusBadNetworkName:
		return &Error{Kind: ErrNotFound, Detail: errors.New("the server has no such share")}
	}
	return brokenError(err)
}
