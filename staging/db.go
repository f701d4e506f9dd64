package staging

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// Options say where the staging database is.
type Options struct {
	URL    string           // "sqlite:path" or "postgres://user@host/database"
	Logger *slog.Logger     // nil: slog.Default
	Clock  func() time.Time // nil: the database's; leases and back-offs are measured by it
}

// DB is the staging database. It is safe for use by several goroutines, and
// several processes may have the same database open.
type DB struct {
	*engine
	log   *slog.Logger
	clock func() time.Time

	folded atomic.Int64 // when the counters were folded last
}

// Open opens the staging database, creates it where there is none and brings
// its schema up to date.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	e, err := openEngine(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = e.clock
	}
	return &DB{engine: e, log: o.Logger, clock: o.Clock}, nil
}

func openEngine(ctx context.Context, o Options) (*engine, error) {
	scheme, rest, _ := strings.Cut(o.URL, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, o.Logger)
	case "postgres", "postgresql":
		return openPostgres(ctx, o.URL, o.Logger)
	}
	return nil, fmt.Errorf("staging: unknown kind of database %q: want sqlite:path or postgres://", scheme)
}

// Close closes the database. Queues on it must have been stopped.
func (db *DB) Close() error { return db.close() }

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

// tx is one transaction and the connection it runs on.
type tx struct {
	*sql.Tx
	conn *sql.Conn
}

// tx runs one thing that a person could name in one transaction. An error of
// work rolls everything back. Where the database went away, or two transactions
// stood in each other's way, work runs once more: it may run twice with the same
// result, as every step of the ledger may.
func (db *DB) tx(ctx context.Context, doing string, work func(*tx) error) error {
	return db.wrap(doing, db.again(ctx, func() error { return db.once(ctx, work) }))
}

func (db *DB) once(ctx context.Context, work func(*tx) error) error {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	begun, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer begun.Rollback() // answers ErrTxDone after the commit, which is no news
	if err := work(&tx{begun, conn}); err != nil {
		return err
	}
	return begun.Commit()
}

// change runs one statement in a transaction of its own and returns how many
// rows it changed.
func (db *DB) change(ctx context.Context, doing, statement string, args ...any) (int, error) {
	var changed int
	err := db.tx(ctx, doing, func(tx *tx) (err error) {
		changed, err = rowsOf(tx.ExecContext(ctx, statement, args...))
		return err
	})
	return changed, err
}

func rowsOf(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// oneRow turns a statement that met no row into ErrNotFound.
func oneRow(result sql.Result, err error) error {
	n, err := rowsOf(result, err)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}
