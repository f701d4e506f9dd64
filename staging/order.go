package staging

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Order asks the nodes of a ledger to migrate a scope. Whichever of them leads sees to
// it; any of them takes its windows and its studies.
type Order struct {
	ID                int64
	Scope             Scope
	State             OrderState
	Owner             string // the process it ends with; "" where it is the nodes'
	Error             string // why its inventory, or all of it, ended early; "" where it did not
	Created, Finished time.Time
}

// Abandoned reports whether the order was ended because its owner gave no sign of life. An
// owner who lives all the same, and could give none while the database was away or the
// machine stood still, submits it again.
func (o Order) Abandoned() bool { return o.Error == ownerDied }

// OrderState is how far an order is with its inventory. Studies are migrated meanwhile.
type OrderState string

// The states of an order. An order without days has no inventory.
const (
	OrderWaiting OrderState = "waiting" // nobody has looked at it
	OrderTaking  OrderState = "taking"  // its windows are taken
	OrderQueued  OrderState = "queued"  // they were; a job was made for the end of its inventory
	OrderClosing OrderState = "closing" // a worker brings that to its end
	OrderTaken   OrderState = "taken"   // no more studies will be staged
)

// SubmitOrder leaves an order for the nodes and returns its number.
func (db *DB) SubmitOrder(ctx context.Context, s Scope) (int64, error) {
	return db.submit(ctx, s, "", 0)
}

// SubmitOwnOrder leaves an order that ends with its owner, who keeps it by KeepOrder. An
// earlier one of the same owner, who died then, is withdrawn.
func (db *DB) SubmitOwnOrder(ctx context.Context, s Scope, owner string, lease time.Duration) (int64, error) {
	return db.submit(ctx, s, owner, lease)
}

func (db *DB) submit(ctx context.Context, s Scope, owner string, lease time.Duration) (int64, error) {
	scope, err := json.Marshal(s)
	if err != nil {
		return 0, fmt.Errorf("staging: submit order: %w", err)
	}
	var id int64
	err = db.tx(ctx, "submit order", func(tx *tx) error {
		now := db.now()
		_, err := tx.ExecContext(ctx, `UPDATE orders SET finished_at = $2, error = 'withdrawn' WHERE owner = $1 AND owner <> '' AND finished_at = 0`, owner, now)
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `INSERT INTO orders (scope, created_at, owner, owner_until) VALUES ($1, $2, $3, $4) RETURNING id`,
			string(scope), now, owner, now+lease.Milliseconds()).Scan(&id)
	})
	return id, err
}

// KeepOrder is the sign of life of an order's owner.
func (db *DB) KeepOrder(ctx context.Context, id int64, lease time.Duration) error {
	return db.tx(ctx, fmt.Sprintf("keep order %d", id), func(tx *tx) error {
		return oneRow(tx.ExecContext(ctx, `UPDATE orders SET owner_until = $2 WHERE id = $1 AND finished_at = 0`, id, db.now()+lease.Milliseconds()))
	})
}

// OpenOrders returns the orders that have not come to their end, the oldest first,
// without those whose owners died.
func (db *DB) OpenOrders(ctx context.Context) ([]Order, error) {
	var orders []Order
	err := db.each(ctx, `SELECT `+orderColumns+` FROM orders WHERE finished_at = 0 AND (owner = '' OR owner_until >= $1) ORDER BY id`,
		[]any{db.now()}, func(row scanner) error {
			o, err := scanOrder(row)
			orders = append(orders, o)
			return err
		})
	return orders, db.wrap("open orders", err)
}

// FinishOrder ends an order, with the error that ended it early or nil; the error of its
// inventory stays. It is ErrNotFound where the order has ended already.
func (db *DB) FinishOrder(ctx context.Context, id int64, failure error) error {
	return db.tx(ctx, fmt.Sprintf("finish order %d", id), func(tx *tx) error {
		return oneRow(tx.ExecContext(ctx, `UPDATE orders SET finished_at = $2, `+outOfHand+`, state = 'taken', fence = fence + 1,
			error = COALESCE(NULLIF(CAST($3 AS text), ''), error) WHERE id = $1 AND finished_at = 0`, id, db.now(), textOf(failure)))
	})
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Order returns an order, or ErrNotFound.
func (db *DB) Order(ctx context.Context, id int64) (Order, error) {
	o, err := reading(ctx, db.engine, func() (Order, error) {
		return scanOrder(db.read.QueryRowContext(ctx, `SELECT `+orderColumns+` FROM orders WHERE id = $1`, id))
	})
	return o, db.wrap(fmt.Sprintf("order %d", id), err)
}

const orderColumns = `id, scope, state, owner, error, created_at, finished_at`

func scanOrder(row scanner) (Order, error) {
	var o Order
	var scope string
	var created, finished int64
	err := row.Scan(&o.ID, &scope, &o.State, &o.Owner, &o.Error, &created, &finished)
	if errors.Is(err, sql.ErrNoRows) {
		return Order{}, ErrNotFound
	}
	if err != nil {
		return Order{}, err
	}
	o.Created, o.Finished = fromMillis(created), fromMillis(finished)
	if err := json.Unmarshal([]byte(scope), &o.Scope); err != nil {
		return Order{}, fmt.Errorf("scope of order %d: %w", o.ID, err)
	}
	return o, nil
}
