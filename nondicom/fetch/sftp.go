package fetch

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/rclone/rclone/backend/sftp" // the backend
	"golang.org/x/crypto/ssh/knownhosts"
)

// openSFTP opens sftp://user:password@host/folder. The server must be one of
// ~/.ssh/known_hosts, or of ?known_hosts=file: whoever answers in its place
// would be given the password.
func openSFTP(u *url.URL) (place, error) {
	if err := knownParameters(u, "key", "passphrase", "known_hosts"); err != nil {
		return nil, err
	}
	options, err := login(u)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	if options["known_hosts_file"], err = knownHosts(query.Get("known_hosts")); err != nil {
		return nil, err
	}
	if options["key_file"] = query.Get("key"); options["key_file"] == "" && options["pass"] == "" {
		return nil, errors.New("neither a password nor ?key=file is given")
	}
	if options["key_file_pass"], err = hidden(query.Get("passphrase")); err != nil {
		return nil, err
	}
	options["shell_type"] = "none" // no command is run there
	options["disable_hashcheck"] = "true"
	options["set_modtime"] = "false"
	root := u.Path
	if home, ok := strings.CutPrefix(u.Path, "/~"); ok {
		root = strings.Trim(home, "/")
	}
	if root == "" && !strings.HasPrefix(u.Path, "/~") {
		root = "/"
	}
	r, err := newRemote("sftp", u, root, options)
	if err != nil {
		return nil, err
	}
	r.explain = explainSFTP
	return r, nil
}

// knownHosts is the file that names the servers we trust.
func knownHosts(path string) (string, error) {
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", errors.New("name the file of known hosts: ?known_hosts=/path")
		}
		path = filepath.Join(home, ".ssh", "known_hosts")
	}
	path, err := filepath.Abs(path) // rclone takes "none" and variables for something else
	if err != nil {
		return "", err
	}
	if _, err := knownhosts.New(path); err != nil {
		return "", errors.New("the server's key must be known: write it into " + path + " (ssh-keyscan -p PORT HOST shows it), or name another file with ?known_hosts=/path")
	}
	return path, nil
}

func explainSFTP(err error) *Error {
	var key *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case errors.As(err, &key), errors.As(err, &revoked), strings.Contains(err.Error(), "knownhosts:"):
		return &Error{Kind: ErrUntrusted, Detail: errors.New("its key is not the one in the file of known hosts")}
	case refusedBySSH(err.Error()):
		return &Error{Kind: ErrPassword, Detail: errors.New("none of our means was accepted")}
	}
	return brokenError(err)
}

// refusedBySSH goes by the words, because x/crypto/ssh has no type for it. The
// second is what it makes of a refusal in the middle of keyboard-interactive.
func refusedBySSH(text string) bool {
	for _, words := range []string{"unable to authenticate", "unexpected message type 51 (expected 60)", "oo many authentication failures"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
