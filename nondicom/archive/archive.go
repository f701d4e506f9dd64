package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"pacsbridge/nondicom/fetch"
)

// Options say where the archive is and how things are kept there.
type Options struct {
	URL      string  // postgres://user:password@host/database
	Store    string  // a folder, or the URL of a store: see fetch.Depot
	Compress bool    // with zstd, what gives way to it
	Encrypt  string  // for these age recipients, parted by blanks; empty: for nobody
	Tables   []Table // none: tables of our own
}

// Archive is the new system's own archive. It may be used by several goroutines.
type Archive struct {
	pool   *pgxpool.Pool
	store  *fetch.Depot
	coder  coder
	tables []*mapped
	own    bool // the tables are ours to make

	lock  sync.Mutex
	ready bool
}

// connections bounds those to the database.
const connections = 4

// Open prepares the archive; it calls on neither database nor store.
func Open(o Options) (*Archive, error) {
	a := &Archive{own: len(o.Tables) == 0}
	tables := o.Tables
	if a.own {
		tables = ownTables
	}
	var errs [4]error
	a.tables, errs[0] = readTables(tables)
	a.coder.compress = o.Compress
	a.coder.recipients, errs[1] = recipientsOf(o.Encrypt)
	a.store, errs[2] = fetch.OpenDepot(o.Store)
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		errs[3] = errors.New("the database's URL cannot be read: postgres://user:password@host/database") // it may hold a password
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	config.MaxConns = connections
	config.ConnConfig.ConnectTimeout = 20 * time.Second
	if a.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return nil, fmt.Errorf("prepare the archive's database: %w", err)
	}
	return a, nil
}

// Close ends the connections.
func (a *Archive) Close(ctx context.Context) error {
	if a == nil {
		return nil
	}
	a.pool.Close()
	return a.store.Close(ctx)
}

// Check looks whether the database has the tables, and whether the store takes
// a file.
func (a *Archive) Check(ctx context.Context) error {
	if err := a.prepare(ctx); err != nil {
		return &Error{Doing: "look at the tables", Err: err}
	}
	if err := a.store.Check(ctx); err != nil {
		return &Error{Doing: "try the store", Err: err}
	}
	return nil
}

// schemaLock is the number under which one node at a time makes the tables.
const schemaLock = 0x70616373_61726368

// prepare makes tables of our own, learns what the tables are like, and writes
// down how to restore: once, when that is first needed.
func (a *Archive) prepare(ctx context.Context) error {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.ready {
		return nil
	}
	if a.own {
		if err := a.makeTables(ctx); err != nil {
			return err
		}
	}
	for _, m := range a.tables {
		if err := m.learn(ctx, a.pool); err != nil {
			return fmt.Errorf("table of %s: %w", m.of, err)
		}
	}
	if err := a.explain(ctx); err != nil {
		return err
	}
	a.ready = true
	return nil
}

func (a *Archive) makeTables(ctx context.Context) error {
	tx, err := a.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // of no effect after the commit
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(schemaLock)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, ownSchema); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	return tx.Commit(ctx)
}

// table is that of a level; nil where the mapping names none.
func (a *Archive) table(of Level) *mapped {
	for _, m := range a.tables {
		if m.of == of {
			return m
		}
	}
	return nil
}
