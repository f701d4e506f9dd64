package staging

import (
	"context"
)

// Exec runs a statement past all of the package's own rules, as somebody with a
// tool of his own would.
func (db *DB) Exec(ctx context.Context, statement string, args ...any) error {
	return db.tx(ctx, "exec", func(tx *tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// Int asks for one number.
func (db *DB) Int(ctx context.Context, query string, args ...any) (n int, err error) {
	err = db.read.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// HotQueries are the statements that run all the time, which must not slow down
// as the ledger grows, and the arguments to plan them with.
func (db *DB) HotQueries() map[string][]any {
	f := feeder{db: db, o: FeedOptions{Departments: []string{"RAD"}}}
	hot := map[string][]any{
		extendQueued:   {"", 0, 0},
		countQueued:    {""},
		reclaimWorking: {0, 0, ""},
		reclaimQueued:  {0, 0, ""},
		expireWorking:  {0, 0},
	}
	for _, department := range []string{"RAD", AllOthers} {
		text, args := f.candidateQuery(department, 200, "")
		hot[text] = args
	}
	return hot
}

// Plan asks SQLite how it would run a query.
func (db *DB) Plan(ctx context.Context, query string, args ...any) (plan []string, err error) {
	err = db.each(ctx, "EXPLAIN QUERY PLAN "+query, args, func(row scanner) error {
		var id, parent, unused int
		var step string
		err := row.Scan(&id, &parent, &unused, &step)
		plan = append(plan, step)
		return err
	})
	return plan, err
}

// Pack and Unpack are a manifest's two ways.
var (
	Pack   = pack
	Unpack = unpack
)
