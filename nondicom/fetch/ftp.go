package fetch

import (
	"errors"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"

	"github.com/jlaffaye/ftp"
	_ "github.com/rclone/rclone/backend/ftp" // the backend
)

// openFTP opens ftp://user:password@host/folder. The folder is counted from
// the one that the server shows after the login.
func openFTP(u *url.URL) (place, error) {
	if err := knownParameters(u, "tls", "verify"); err != nil {
		return nil, err
	}
	options, err := login(u)
	if err != nil {
		return nil, err
	}
	secure := u.Query().Get("tls")
	switch {
	case u.Scheme == "ftps" && secure == "", secure == "implicit":
		options["tls"] = "true"
		if u.Port() == "" {
			options["port"] = usualPorts["ftps"]
		}
	case secure == "explicit":
		options["explicit_tls"] = "true"
	case secure != "":
		return nil, errors.New("tls is explicit or implicit")
	}
	switch u.Query().Get("verify") {
	case "no":
		options["no_check_certificate"] = "true"
	case "":
	default:
		return nil, errors.New("verify may only be no")
	}
	if u.User.Username() == "" {
		options["user"] = "anonymous"
	}
	if options["pass"] == "" {
		if options["pass"], err = hidden("anonymous@"); err != nil {
			return nil, err
		}
	}
	r, err := newRemote("ftp", u, strings.Trim(u.Path, "/"), options)
	if err != nil {
		return nil, err
	}
	r.explain = explainFTP
	return r, nil
}

// explainFTP goes by the reply codes of RFC 959 §4.2. 530 is the refusal of a
// login; servers give no other sign for a wrong password, and some of them no other
// for having enough clients.
func explainFTP(err error) *Error {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return brokenError(err)
	}
	switch reply.Code {
	case ftp.StatusNotLoggedIn, ftp.StatusInvalidCredentials:
		if isFull(reply.Msg) {
			return brokenError(err)
		}
		return &Error{Kind: ErrPassword, Detail: err}
	case ftp.StatusFileUnavailable:
		return &Error{Kind: ErrNotFound}
	}
	return brokenError(err)
}

// The words of a refusal by which a server says that it has enough clients for the
// moment (ProFTPD, wu-ftpd and IIS do so with 530; 421 would be meant for it). Where it
// speaks of tries that failed, more of them would lock the account.
var (
	enough = regexp.MustCompile(`(?i)\bmax|too many|limit|already connected`)
	whom   = regexp.MustCompile(`(?i)client|user|connect|session|host|logged in`)
	failed = regexp.MustCompile(`(?i)attempt|tries|fail|password|invalid|incorrect|lock`)
)

func isFull(refusal string) bool {
	return enough.MatchString(refusal) && whom.MatchString(refusal) && !failed.MatchString(refusal)
}
