package archive

import (
	"context"
	"errors"
	"net"

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
	if errors.As(e.Err, &answer) {
		switch answer.Code[:2] {
		case "08", "40", "53", "55", "57": // connection, rolled back by the server, resources, lock, shut down
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.Is(e.Err, fetch.ErrBroken) || errors.As(e.Err, &connect) || errors.As(e.Err, &network) ||
		errors.Is(e.Err, context.DeadlineExceeded) || pgconn.SafeToRetry(e.Err) || errors.Is(e.Err, errMoved)
}

// errMoved is what happens when a file that was there is gone at the end.
var errMoved = errors.New("a file that was there before has gone meanwhile")
