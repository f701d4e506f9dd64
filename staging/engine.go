package staging

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river"
)

//go:embed migrations
var migrations embed.FS

// engine is everything that differs between databases. The queries themselves
// are the same text for all: numbered placeholders ($1), times as milliseconds,
// flags as 0 and 1, lists as JSON.
type engine struct {
	log   *slog.Logger
	write *sql.DB // everything that changes the ledger
	read  *sql.DB // reports and status, which never hold up the work

	// in is the condition that a column of texts is one of the JSON list at
	// placeholder, inNumbers the same of a column of numbers.
	in, inNumbers func(column, placeholder string) string
	// locked ends a SELECT that reads a row to change it; skipLocked one that
	// leaves out what another transaction is changing.
	locked, skipLocked string
	// fill loads rows into a table.
	fill func(ctx context.Context, tx *tx, table string, columns []string, rows [][]any) error
	// busy tells errors that pass from those that stay, and away those of them
	// after which the same transaction is worth another try at once.
	busy, away func(error) bool
	// full tells of them those that want room on the disk; nil: they are not waited for.
	full    func(error) bool
	wanting atomic.Int64 // calls that wait for room
	// awayFor is how long that other try is waited for.
	awayFor time.Duration
	// unblock ends what held up the work that got the error, where that is to be ended;
	// nil: nothing ever is.
	unblock func(context.Context, error)
	// clock is the time that all who share the database agree on.
	clock func() time.Time
	// alone holds up every other transaction that says the same until this one
	// ends.
	alone func(ctx context.Context, tx *tx, what lock) error
	// fold moves what was added to the counters into them; nil where it goes there
	// at once.
	fold string
	// settle syncs what was committed to the disk; "" where a commit does.
	settle string
	// changesInWith tells that a WITH may hold statements that change something.
	changesInWith bool
	// aMinuteAgo is the time a minute ago, as River's tables keep it.
	aMinuteAgo string
	// close closes the connections.
	close func() error
	// scheduler makes a River client; without queues it can only insert.
	scheduler func(*river.Config) (scheduler, error)
	// jobs inserts the jobs of fed studies.
	jobs scheduler
}

// lock names what one transaction at a time may do in the whole cluster.
type lock int64

// The locks. Their numbers are shared by all programs on a database.
const (
	schemaLock lock = 0x7061637300 + iota
	feedLock
	foldLock
	certifyLock
)

// scheduler is the part of a River client that the ledger uses.
type scheduler interface {
	insert(ctx context.Context, tx *tx, jobs []river.InsertManyParams) error
	Start(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// migrate brings the ledger's schema up to date with goose. Another process may
// be doing the same at this moment: who loses the race tries again and finds
// the work done.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, folder string, log *slog.Logger) error {
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return fmt.Errorf("read schema %s: %w", folder, err)
	}
	return withRounds(ctx, func() error {
		provider, err := goose.NewProvider(dialect, db, files, goose.WithSlog(quiet(log)), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return fmt.Errorf("prepare schema: %w", err)
		}
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("update schema: %w", err)
		}
		return nil
	})
}

// migrationRounds bounds how often a lost race about the schema is tried again.
const migrationRounds = 5

func withRounds(ctx context.Context, work func() error) error {
	var failures []error
	for range migrationRounds {
		err := work()
		if err == nil || ctx.Err() != nil {
			return err
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// quiet lets only warnings and errors of a library through: its progress is not
// ours.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(warnings{log.Handler()})
}

type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
