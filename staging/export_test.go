package staging

import (
	"context"
	"database/sql"
)

// Exec runs a statement past all of the package's own rules, as somebody with a
// tool of his own would.
func (db *DB) Exec(ctx context.Context, statement string, args ...any) error {
	return db.tx(ctx, "exec", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// Int asks for one number.
func (db *DB) Int(ctx context.Context, query string, args ...any) (n int, err error) {
	err = db.read.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// Plan asks SQLite how it would run what Feed asks for.
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
