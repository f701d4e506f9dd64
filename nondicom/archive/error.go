package archive

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"pacsbridge/nondicom/fetch"
)

// Error is a study that could not be put into the archive, or not be looked for
// there.
type Error struct {
	Doing    string // "copy rows", "upload objects/ab/abcd…"
	StudyUID string
	Err      error
}

// Error says what was being done, and what came of it.
func (e *Error) Error() string {
	text := "archive: " + e.Doing
	if e.StudyUID != "" {
		text += " of study " + e.StudyUID
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns what the database or the store said.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the database or the store was away or busy, so that
// the same may go well later. What they refused is for a person to mend.
func (e *Error) Temporary() bool {
	var answer *pgconn.PgError
	if errors.As(e.Err, &answer) && len(answer.Code) == 5 {
		return slices.Contains(passing, answer.Code[:2]) || answer.Code == idleTooLong
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.Is(e.Err, fetch.ErrBroken) || errors.As(e.Err, &connect) || errors.As(e.Err, &network) ||
		errors.Is(e.Err, context.DeadlineExceeded) || pgconn.SafeToRetry(e.Err) || errors.Is(e.Err, errMoved)
}

// passing are the classes of a server's errors that pass (PostgreSQL, appendix A):
// connection, rolled back by the server, resources, locks, shutting down.
var passing = []string{"08", "40", "53", "55", "57"}

// idleTooLong ends a transaction that waited too long for its files.
const idleTooLong = "25P03"

// errMoved is what happens when a file that was there is gone at the end.
var errMoved = errors.New("a file that was there before has gone meanwhile")
