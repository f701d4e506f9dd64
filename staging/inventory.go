package staging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// BeginInventory begins the inventory of a scope. One of the same scope that was
// interrupted goes on: its windows stay as they are, the finished ones finished,
// the others at their cursors, and going is true. Otherwise everything in the
// scope is asked for once more, to find what is new and what has changed.
func (db *DB) BeginInventory(ctx context.Context, s Scope) (going bool, err error) {
	err = db.tx(ctx, "begin inventory", func(tx *tx) (err error) {
		_, going, err = db.beginInventory(ctx, tx, s)
		return err
	})
	return going, err
}

func (db *DB) beginInventory(ctx context.Context, tx *tx, s Scope) (id int64, going bool, err error) {
	scope, err := json.Marshal(s)
	if err != nil {
		return 0, false, err
	}
	begun, err := rowsOf(tx.ExecContext(ctx, `INSERT INTO inventories (scope, started_at) VALUES ($1, $2)
		ON CONFLICT (scope) WHERE finished_at = 0 DO NOTHING`, string(scope), db.now()))
	if err != nil {
		return 0, false, err
	}
	if going = begun == 0; !going {
		q := db.windowsOf(s, db.now())
		_, err := tx.ExecContext(ctx, `UPDATE windows SET find_done = 0, records_done = 0, record_cursor = '', answers = -1, state = 'open',
			`+outOfHand+`, fence = fence + 1, updated_at = $1 WHERE state IN ('working', 'left', 'done') AND `+q.conditions(), q.args...)
		if err != nil {
			return 0, false, err
		}
	}
	err = tx.QueryRowContext(ctx, `SELECT id FROM inventories WHERE scope = $1 AND finished_at = 0`, string(scope)).Scan(&id)
	return id, going, err
}

// windowsOf are the conditions of the windows that touch a range, after the arguments
// of the rest.
func (db *DB) windowsOf(s Scope, args ...any) query {
	q := query{engine: db.engine, args: args}
	if s.From != "" {
		q.and("to_at > " + q.arg(s.From+"T00:00:00"))
	}
	if s.To != "" {
		q.and("from_at <= " + q.arg(s.To+"T23:59:59"))
	}
	return q
}

// FinishInventory ends the inventory of a scope, all of whose windows were taken. Two
// nodes may have taken it, where one was thought dead: it ends with the first.
func (db *DB) FinishInventory(ctx context.Context, s Scope) error {
	scope, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("staging: finish inventory: %w", err)
	}
	_, err = db.change(ctx, "finish inventory", `UPDATE inventories SET finished_at = $2 WHERE scope = $1 AND finished_at = 0`, string(scope), db.now())
	return err
}

// Knowledge returns what was learned of OLD in the inventory of a scope that goes on;
// "" where that is nothing.
func (db *DB) Knowledge(ctx context.Context, s Scope) (string, error) {
	scope, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("staging: knowledge: %w", err)
	}
	var known string
	err = db.each(ctx, `SELECT knowledge FROM inventories WHERE scope = $1 AND finished_at = 0`, []any{string(scope)}, func(row scanner) error {
		return row.Scan(&known)
	})
	return known, db.wrap("knowledge", err)
}

// Learn adds to what is known of OLD in an inventory. add gets what is known and returns
// that with its own; it may run twice.
func (db *DB) Learn(ctx context.Context, inventory int64, add func(known string) (string, error)) error {
	return db.tx(ctx, fmt.Sprintf("learn in inventory %d", inventory), func(tx *tx) error {
		var known string
		if err := tx.QueryRowContext(ctx, `SELECT knowledge FROM inventories WHERE id = $1`+db.locked, inventory).Scan(&known); err != nil {
			return err
		}
		more, err := add(known)
		if err != nil || more == known {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE inventories SET knowledge = $2 WHERE id = $1`, inventory, more)
		return err
	})
}

// Span is a stretch of the inventory.
type Span struct{ From, To time.Time }

// PlanOrder begins the inventory of an order that waits: the windows it is cut in wait
// for workers from here on. Without windows there is none to take.
func (db *DB) PlanOrder(ctx context.Context, o Order, windows []Span) error {
	return db.tx(ctx, fmt.Sprintf("plan order %d", o.ID), func(tx *tx) error {
		next := OrderTaking
		if len(windows) == 0 {
			next = OrderTaken
		}
		planned, err := rowsOf(tx.ExecContext(ctx, `UPDATE orders SET state = $2, started_at = $3 WHERE id = $1 AND state = 'waiting' AND finished_at = 0`,
			o.ID, next, db.now()))
		if err != nil || planned == 0 || len(windows) == 0 {
			return err
		}
		inventory, _, err := db.beginInventory(ctx, tx, o.Scope)
		if err != nil {
			return err
		}
		for _, w := range windows {
			_, err := tx.ExecContext(ctx, `INSERT INTO windows (state, inventory_id, updated_at, from_at, to_at) VALUES ('waiting', $1, $2, $3, $4)
				ON CONFLICT (from_at, to_at) DO UPDATE SET inventory_id = excluded.inventory_id, updated_at = excluded.updated_at,
					state = CASE WHEN windows.state IN ('open', 'left') THEN 'waiting' ELSE windows.state END`,
				inventory, db.now(), w.From.Format(windowTime), w.To.Format(windowTime))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// OrderClaim is the hold of one worker on an order whose windows were taken, to bring
// its inventory to its end.
type OrderClaim struct {
	hold
	order Order
}

// ClaimOrder takes an order in hand that waits for that. One that does not is
// ErrNotClaimable.
func (db *DB) ClaimOrder(ctx context.Context, id int64, node string, lease time.Duration) (*OrderClaim, error) {
	c := &OrderClaim{hold: hold{db: db, table: "orders", working: string(OrderClosing), id: id, lease: lease}}
	err := db.tx(ctx, fmt.Sprintf("claim order %d", id), func(tx *tx) (err error) {
		row := tx.QueryRowContext(ctx, `UPDATE orders SET state = 'closing', node = $2, lease_until = $3, fence = fence + 1
			WHERE id = $1 AND state = 'queued' AND finished_at = 0 RETURNING fence, `+orderColumns, id, node, db.now()+lease.Milliseconds())
		c.order, err = scanOrder(prefixed{row, []any{&c.fence}})
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, ErrNotClaimable
	}
	return c, err
}

// Order returns the order as it was when it was claimed.
func (c *OrderClaim) Order() Order { return c.order }

// End ends the order's inventory, with the error that made it incomplete or nil.
func (c *OrderClaim) End(ctx context.Context, failure error) error {
	return c.fenced(ctx, "end of the inventory", func(tx *tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE orders SET error = $2 WHERE id = $1`, c.id, textOf(failure)); err != nil {
			return err
		}
		return c.end(ctx, tx, string(OrderTaken))
	})
}

// Return gives the order back for another worker.
func (c *OrderClaim) Return(ctx context.Context) error {
	return c.fenced(ctx, "return", func(tx *tx) error { return c.end(ctx, tx, string(OrderTaking)) })
}
