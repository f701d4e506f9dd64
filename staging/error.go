package staging

import "errors"

// Error is an error of the staging database with what was being done.
type Error struct {
	Doing string
	Err   error

	temporary bool
}

func (e *Error) Error() string { return "staging: " + e.Doing + ": " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same call may succeed later: the database was
// busy or its disk was full.
func (e *Error) Temporary() bool { return e.temporary }

// wrap says what was being done when err happened.
func (db *DB) wrap(doing string, err error) error {
	var already *Error
	if err == nil || errors.As(err, &already) {
		return err
	}
	var own interface{ Temporary() bool }
	temporary := db.busy(err) || errors.As(err, &own) && own.Temporary()
	return &Error{Doing: doing, Err: err, temporary: temporary}
}
