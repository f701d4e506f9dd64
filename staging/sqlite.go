package staging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// sqliteBusyTimeout is how long a statement waits for another process.
	sqliteBusyTimeout = "10000" // milliseconds
	// sqliteReaders is how many reports may read at once.
	sqliteReaders = 4
)

// openSQLite opens the embedded engine. One connection writes, since SQLite
// knows one writer at a time and River's driver asks for it; others read, which
// WAL lets them do without waiting.
func openSQLite(ctx context.Context, path string, log *slog.Logger) (*engine, error) {
	if path == "" {
		return nil, errors.New("staging: sqlite: wants a path")
	}
	if err := createPrivately(path); err != nil {
		return nil, err
	}
	write := openSQLitePool(path, 1, "immediate")
	read := openSQLitePool(path, sqliteReaders, "deferred", "query_only(1)")
	e := &engine{
		log: log, write: write, read: read, in: sqliteIn, inNumbers: sqliteIn, fill: sqliteFill, busy: sqliteBusy, away: sqliteFull, full: sqliteFull, awayFor: fullFor, clock: time.Now,
		alone:      func(context.Context, *tx, lock) error { return nil }, // there is one writer
		settle:     "PRAGMA wal_checkpoint(PASSIVE)",                      // synchronous(NORMAL) syncs the log only then
		aMinuteAgo: "datetime('now', '-1 minute')",
		close:      func() error { return errors.Join(read.Close(), write.Close()) },
	}
	e.scheduler = func(c *river.Config) (scheduler, error) { return newSQLiteScheduler(write, c, log) }
	if err := e.prepareSQLite(ctx, log); err != nil {
		return nil, errors.Join(fmt.Errorf("staging: open %s: %w", path, err), e.close())
	}
	return e, nil
}

// prepareSQLite brings both schemas up to date: the ledger's and River's.
func (e *engine) prepareSQLite(ctx context.Context, log *slog.Logger) error {
	if err := migrate(ctx, goose.DialectSQLite3, e.write, "migrations/sqlite", log); err != nil {
		return err
	}
	err := withRounds(ctx, func() error {
		m, err := rivermigrate.New(riversqlite.New(e.write), &rivermigrate.Config{Logger: quiet(log)})
		if err != nil {
			return fmt.Errorf("prepare queue schema: %w", err)
		}
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("update queue schema: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.jobs, err = e.scheduler(&river.Config{})
	return err
}

// createPrivately makes sure that the file, which holds patient IDs, can be
// read by its owner only. SQLite gives its side files the same mode.
func createPrivately(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("staging: %w", err)
	}
	return f.Close()
}

// openSQLitePool opens connections with the settings the ledger rests on.
//
// synchronous is NORMAL: with WAL a killed process loses nothing, and a power
// cut may lose the last commits but never breaks the file. What such a commit
// recorded is done once more, and every step may be done twice.
func openSQLitePool(path string, connections int, lock string, pragmas ...string) *sql.DB {
	settings := url.Values{"_txlock": {lock}}
	for _, pragma := range append([]string{
		"busy_timeout(" + sqliteBusyTimeout + ")", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)",
		"temp_store(MEMORY)", "cache_size(-16000)", // KiB
	}, pragmas...) {
		settings.Add("_pragma", pragma)
	}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings.Encode()}
	pool := sql.OpenDB(sqliteConnector{name.String()})
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

func sqliteIn(column, placeholder string) string {
	return column + " IN (SELECT value FROM json_each(" + placeholder + "))"
}

// sqliteFill inserts rows one by one: a statement that is prepared once is the
// fastest SQLite knows.
func sqliteFill(ctx context.Context, tx *tx, table string, columns []string, rows [][]any) error {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`)
		VALUES (?`+strings.Repeat(", ?", len(columns)-1)+`)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, row := range rows {
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return nil
}

// sqliteBusy tells the errors of SQLite that pass: another process holds the
// lock, or the disk is full for the moment.
func sqliteBusy(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff { // the low byte is the primary result code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL:
		return true
	}
	return false
}

// sqliteFull tells that the disk has no room.
func sqliteFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL
}

// sqliteScheduler is River on database/sql.
type sqliteScheduler struct{ *river.Client[*sql.Tx] }

const (
	// fetchCooldown and fetchPoll are how soon a free worker takes the next
	// study: at once when more is known to wait, else at the next look.
	fetchCooldown = 5 * time.Millisecond
	fetchPoll     = 50 * time.Millisecond
)

// newSQLiteScheduler makes a River client that polls: SQLite has no
// notifications, and River's own stand-in for them only polls another table.
func newSQLiteScheduler(pool *sql.DB, c *river.Config, log *slog.Logger) (scheduler, error) {
	c.PollOnly = true
	c.FetchCooldown, c.FetchPollInterval = fetchCooldown, fetchPoll
	c.Logger = quiet(log)
	client, err := river.NewClient(riversqlite.New(pool), c)
	if err != nil {
		return nil, fmt.Errorf("staging: queue: %w", err)
	}
	return sqliteScheduler{client}, nil
}

func (s sqliteScheduler) insert(ctx context.Context, tx *tx, jobs []river.InsertManyParams) error {
	_, err := s.InsertManyTx(ctx, tx.Tx, jobs)
	return err
}
