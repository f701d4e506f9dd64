package staging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Options say where the staging database is.
type Options struct {
	URL    string           // "sqlite:path"
	Logger *slog.Logger     // nil: slog.Default
	Clock  func() time.Time // nil: time.Now; leases and back-offs are measured by it
}

// DB is the staging database. It is safe for use by several goroutines, and
// several processes may have the same database open.
type DB struct {
	*engine
	log   *slog.Logger
	clock func() time.Time
}

// Open opens the staging database, creates it where there is none and brings
// its schema up to date.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	e, err := openEngine(ctx, o)
	if err != nil {
		return nil, err
	}
	return &DB{engine: e, log: o.Logger, clock: o.Clock}, nil
}

func openEngine(ctx context.Context, o Options) (*engine, error) {
	scheme, rest, _ := strings.Cut(o.URL, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, o.Logger)
	case "postgres", "postgresql":
		return nil, errors.New("staging on PostgreSQL is not available yet: use sqlite:path")
	}
	return nil, fmt.Errorf("staging: unknown kind of database %q: want sqlite:path", scheme)
}

// Close closes the database. Queues on it must have been stopped.
func (db *DB) Close() error {
	return errors.Join(db.read.Close(), db.write.Close())
}

// now is the time by the database's clock as the ledger keeps it.
func (db *DB) now() int64 { return millis(db.clock()) }

// millis is how the ledger keeps times: milliseconds since 1970, UTC, the same
// number in every engine. The zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// tx runs one thing that a person could name in one transaction. An error of
// work rolls everything back.
func (db *DB) tx(ctx context.Context, doing string, work func(*sql.Tx) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return db.wrap(doing, err)
	}
	defer tx.Rollback() // answers ErrTxDone after the commit, which is no news
	if err := work(tx); err != nil {
		return db.wrap(doing, err)
	}
	return db.wrap(doing, tx.Commit())
}

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
