package staging

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Order asks a running node to migrate a range.
type Order struct {
	ID                         int64
	Scope                      Scope
	Node                       string // that took it up, "" while it waits
	Error                      string // why it ended early, "" where it did not
	Created, Started, Finished time.Time
}

// SubmitOrder leaves an order for a running node and returns its number.
func (db *DB) SubmitOrder(ctx context.Context, s Scope) (int64, error) {
	scope, err := json.Marshal(s)
	if err != nil {
		return 0, fmt.Errorf("staging: submit order: %w", err)
	}
	var id int64
	err = db.tx(ctx, "submit order", func(tx *tx) error {
		return tx.QueryRowContext(ctx, `INSERT INTO orders (scope, created_at) VALUES ($1, $2) RETURNING id`, string(scope), db.now()).Scan(&id)
	})
	return id, err
}

// orderOrphaned is how long a node may give no sign of life until its orders go to
// another.
const orderOrphaned = 30 * time.Second

// NextOrder gives the oldest waiting order to a node, or ErrNotFound. An order of a
// node that died waits as well.
func (db *DB) NextOrder(ctx context.Context, node string) (Order, error) {
	var o Order
	err := db.tx(ctx, "next order", func(tx *tx) error {
		var id int64
		var holder string
		err := tx.QueryRowContext(ctx, `SELECT id, node FROM orders WHERE finished_at = 0 AND (node = '' OR node <> $1
			AND NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.name = orders.node AND beat_at >= $2)) ORDER BY id LIMIT 1`+db.locked,
			node, db.now()-orderOrphaned.Milliseconds()).Scan(&id, &holder)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		// Who waited for the lock finds the order as it was before another took it.
		err = oneRow(tx.ExecContext(ctx, `UPDATE orders SET node = $2, started_at = $3 WHERE id = $1 AND node = $4`, id, node, db.now(), holder))
		if err != nil {
			return err
		}
		o, err = scanOrder(tx.QueryRowContext(ctx, orderByID, id))
		return err
	})
	return o, err
}

// FinishOrder ends a node's order, with the error that ended it early or nil. Where
// another node has the order meanwhile it is ErrNotFound.
func (db *DB) FinishOrder(ctx context.Context, id int64, node string, failure error) error {
	text := ""
	if failure != nil {
		text = failure.Error()
	}
	return db.tx(ctx, fmt.Sprintf("finish order %d", id), func(tx *tx) error {
		return oneRow(tx.ExecContext(ctx, `UPDATE orders SET finished_at = $2, error = $3 WHERE id = $1 AND node = $4 AND finished_at = 0`,
			id, db.now(), text, node))
	})
}

// Order returns an order, or ErrNotFound.
func (db *DB) Order(ctx context.Context, id int64) (Order, error) {
	o, err := reading(ctx, db.engine, func() (Order, error) { return scanOrder(db.read.QueryRowContext(ctx, orderByID, id)) })
	return o, db.wrap(fmt.Sprintf("order %d", id), err)
}

const orderByID = `SELECT id, scope, node, error, created_at, started_at, finished_at FROM orders WHERE id = $1`

func scanOrder(row scanner) (Order, error) {
	var o Order
	var scope string
	var created, started, finished int64
	err := row.Scan(&o.ID, &scope, &o.Node, &o.Error, &created, &started, &finished)
	if errors.Is(err, sql.ErrNoRows) {
		return Order{}, ErrNotFound
	}
	if err != nil {
		return Order{}, err
	}
	o.Created, o.Started, o.Finished = fromMillis(created), fromMillis(started), fromMillis(finished)
	if err := json.Unmarshal([]byte(scope), &o.Scope); err != nil {
		return Order{}, fmt.Errorf("scope of order %d: %w", o.ID, err)
	}
	return o, nil
}
