package fetch

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	_ "github.com/rclone/rclone/backend/http"   // the backend of plain servers
	_ "github.com/rclone/rclone/backend/webdav" // the backend of WebDAV
	"github.com/rclone/rclone/backend/webdav/api"
	"github.com/rclone/rclone/fs"
)

// openWebDAV opens webdav://user:password@host/folder.
func openWebDAV(u *url.URL) (place, error) {
	if err := knownParameters(u); err != nil {
		return nil, err
	}
	options, err := login(u)
	if err != nil {
		return nil, err
	}
	delete(options, "host")
	delete(options, "port")
	options["url"] = webAddress(u, map[string]string{"webdav": "http", "webdavs": "https"}[u.Scheme])
	options["vendor"] = "other"
	r, err := newRemote("webdav", u, "", options)
	if err != nil {
		return nil, err
	}
	r.explain, r.suspect = explainWebDAV, r.suspectRequest
	return r, nil
}

// openHTTP opens http://user:password@host/folder, a plain web server.
func openHTTP(u *url.URL) (place, error) {
	if err := knownParameters(u); err != nil {
		return nil, err
	}
	if u.Hostname() == "" {
		return nil, errors.New("the URL names no host")
	}
	options := map[string]string{"url": webAddress(u, u.Scheme)}
	if u.User != nil {
		// In a header, not in the address: errors quote addresses.
		password, _ := u.User.Password()
		options["headers"] = "Authorization,Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	r, err := newRemote("http", u, "", options)
	if err != nil {
		return nil, err
	}
	r.explain, r.suspect = explainHTTP, r.suspectRequest
	return r, nil
}

// webAddress is the folder of a web server, without user and password.
func webAddress(u *url.URL, scheme string) string {
	folder := url.URL{Scheme: scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/") + "/"}
	return folder.String()
}

func explainWebDAV(err error) *Error {
	var answer *api.Error
	if errors.As(err, &answer) {
		return explainStatus(answer.StatusCode, errors.New(answer.Status))
	}
	return brokenError(err)
}

// explainHTTP finds the status in the only place that rclone leaves it.
func explainHTTP(err error) *Error {
	_, status, found := strings.Cut(err.Error(), "HTTP Error: ")
	if !found || len(status) < 3 {
		return brokenError(err)
	}
	code, convert := strconv.Atoi(status[:3])
	if convert != nil {
		return brokenError(err)
	}
	return explainStatus(code, errors.New(status))
}

// explainStatus goes by the status codes of RFC 9110 §15.
func explainStatus(code int, detail error) *Error {
	switch code {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return &Error{Kind: ErrPassword, Detail: detail}
	case http.StatusForbidden:
		return &Error{Kind: ErrDenied, Detail: detail}
	case http.StatusNotFound, http.StatusGone:
		return &Error{Kind: ErrNotFound}
	}
	return brokenError(detail)
}

// suspectRequest finds out what was refused: the password goes along with each request
// and each is judged by itself, so that one file may be kept from us and the others not.
// It is the password when the server refuses what it gave before, too; where it gave
// nothing yet, a name that no store has.
func (r *remote) suspectRequest(ctx context.Context, remote fs.Fs, e *Error) *Error {
	if e.Kind != ErrPassword {
		return e
	}
	name := probe
	if given := r.given.Load(); given != nil {
		name = *given
	}
	if _, err := remote.NewObject(ctx, name); err != nil {
		if second := r.explainError(err).(*Error); second.Kind == ErrPassword || second.Kind == ErrBroken {
			return second
		}
	}
	return &Error{Kind: ErrDenied, Detail: e.Detail}
}
