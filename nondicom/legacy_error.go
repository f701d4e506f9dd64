package nondicom

import (
	"context"
	"errors"
	"io"
	"net"
)

// LegacyError is an answer of the old system's database. It never holds a
// value of a row: messages that could quote one are withheld.
type LegacyError struct {
	Doing string // what was asked
	Code  string // the database's own code (SQLSTATE), where there is one
	Text  string

	temporary bool
	cause     error // of our own: cancelled, timed out
}

const withheld = "the answer may quote a patient's data and is not repeated"

// Error says what was asked and what came back.
func (e *LegacyError) Error() string {
	text := "legacy database: " + e.Doing + ": " + e.Text
	if e.Code != "" {
		text += " (code " + e.Code + ")"
	}
	return text
}

// Temporary says whether the same query may do later.
func (e *LegacyError) Temporary() bool { return e.temporary }

// Unwrap gives the context's error when that ended the query.
func (e *LegacyError) Unwrap() error { return e.cause }

// fault makes a *LegacyError of whatever ended a query.
func (l *Legacy) fault(ctx context.Context, doing string, err error) error {
	var known *LegacyError
	if err == nil || errors.As(err, &known) {
		return err
	}
	if cause := ctx.Err(); cause != nil {
		return &LegacyError{Doing: doing, Text: cause.Error(), cause: cause, temporary: errors.Is(cause, context.DeadlineExceeded)}
	}
	return l.dialect.explain(doing, err)
}

// isNetwork tells whether the connection failed, not the query.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
