package fetch

import (
	"errors"
	"path"
	"strings"
)

// safePath lets a path through that stays inside its store, and returns it
// clean. Refused are absolute paths, drive letters, UNC paths, and those that
// climb: even where the climb ends inside, it was not meant.
func safePath(name string) (string, error) {
	unsafe := func(why string) (string, error) {
		return "", &Error{Kind: ErrUnsafePath, Detail: errors.New(why)}
	}
	switch {
	case strings.Trim(name, "/. ") == "":
		return "", &Error{Kind: ErrNotFound, Detail: errors.New("the location has no path")}
	case strings.ContainsRune(name, 0):
		return unsafe("it holds a NUL")
	case name[0] == '/' || name[0] == '\\':
		return unsafe("it is absolute")
	case len(name) >= 2 && name[1] == ':':
		return unsafe("it names a drive")
	}
	for part := range strings.FieldsFuncSeq(name, isSeparator) {
		if part == ".." {
			return unsafe("it climbs by ..")
		}
	}
	return path.Clean(name), nil
}

// isSeparator counts the backslash too: some places take it for one.
func isSeparator(r rune) bool { return r == '/' || r == '\\' }
