package fetch

import "errors"

// The ways a fetch fails. Compare with errors.Is.
var (
	ErrUnknownStore = errors.New("no such store in the settings")
	ErrNotAvailable = errors.New("this kind of store is not available")
	ErrUnsafePath   = errors.New("path leaves its store")
	ErrNotFound     = errors.New("not found")
	ErrDenied       = errors.New("access denied")
	// ErrPassword is never tried again by itself: servers lock accounts.
	ErrPassword  = errors.New("the store refuses our name or password")
	ErrUntrusted = errors.New("the server cannot prove who it is")
	ErrNotAFile  = errors.New("not a file")
	ErrEmpty     = errors.New("file is empty")
	ErrShort     = errors.New("file is shorter than expected")
	ErrLong      = errors.New("file is longer than expected")
	ErrDigest    = errors.New("content differs from the expected digest")
	ErrChanged   = errors.New("file changed while it was read")
	ErrBroken    = errors.New("reading broke off")
)

// Error is a fetch that failed.
type Error struct {
	Location string // STORE:path, for the person who mends it
	Kind     error  // one of the errors above
	Detail   error  // what the store answered, or nil
}

// Error names the place and the failure.
func (e *Error) Error() string {
	text := "fetch " + e.Location + ": " + e.Kind.Error()
	if e.Detail != nil {
		text += ": " + e.Detail.Error()
	}
	return text
}

// Unwrap gives both the kind and the store's answer to errors.Is.
func (e *Error) Unwrap() []error {
	if e.Detail == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Detail}
}

// Temporary says whether a later try may do: when reading broke off, or the
// file was still being written.
func (e *Error) Temporary() bool { return e.Kind == ErrBroken || e.Kind == ErrChanged }

// located says where an error was. Another error than *Error is taken for one
// of the store.
func located(location string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Location: location, Kind: ErrBroken, Detail: err}
	}
	return &Error{Location: location, Kind: e.Kind, Detail: e.Detail}
}
