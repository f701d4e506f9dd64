package dataset

import (
	"errors"
	"fmt"
	"io"
)

// MalformedError says where and why the bytes of a data set cannot be what they claim. It quotes no value.
type MalformedError struct {
	Offset int64  // of the element or delimiter, from the start of the data set (inflated, where it is deflated)
	Tag    Tag    // of it, 0 where none was read
	Why    string // in words
	Cut    bool   // the data ended too early: more of it might be sound
}

// Error names the place and the reason.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("malformed data set at offset %d, element %s: %s", e.Offset, e.Tag, e.Why)
}

// Temporary is false: the same bytes will not get better.
func (e *MalformedError) Temporary() bool { return false }

// Unwrap gives io.ErrUnexpectedEOF for a data set that was cut short.
func (e *MalformedError) Unwrap() error {
	if e.Cut {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// The refusals that have nothing to do with a fault in the data.
var (
	// ErrTooLarge is returned where a data set does not fit the limit of who asked for it.
	ErrTooLarge = errors.New("data set larger than its limit")
	// ErrSyntax is returned for a transfer syntax that the operation is not made for.
	ErrSyntax = errors.New("not for this transfer syntax")
	// ErrFragments is returned for encapsulated pixel data where a small data set is expected.
	ErrFragments = errors.New("encapsulated pixel data in a small data set")
)
