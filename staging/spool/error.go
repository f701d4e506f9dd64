package spool

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrFull is the error of a spool whose disk has no room. It passes: room comes
// back as studies arrive.
var ErrFull error = fullError{}

type fullError struct{}

func (fullError) Error() string   { return "the spool is full" }
func (fullError) Temporary() bool { return true }

// ErrInUse is returned by Open when another process works in the folder.
var ErrInUse = errors.New("the spool is in use by another process")

// ErrEnded is returned by a writer that was committed or aborted before.
var ErrEnded = errors.New("the writer has ended")

// ConflictError says that the spool holds other content under the same name.
// The first is kept; the second is still in its writer, to be committed under
// another name or aborted.
type ConflictError struct{ Kept, Refused Blob }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s of %s is already here with SHA-256 %s, not %s", e.Kept.Name, e.Kept.Group, e.Kept.SHA256, e.Refused.SHA256)
}

// Temporary reports false: the content will not change.
func (e *ConflictError) Temporary() bool { return false }

// diskError turns the ways a disk says that it is full into ErrFull and adds
// what was being done.
func diskError(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%s: %w (%w)", doing, ErrFull, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
