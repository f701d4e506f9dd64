package staging

import (
	"context"
	"encoding/json"
	"fmt"
)

// BeginInventory begins the inventory of a scope. One of the same scope that was
// interrupted goes on: its windows stay as they are, the finished ones finished,
// the others at their cursors, and going is true. Otherwise everything in the
// scope is asked for once more, to find what is new and what has changed.
func (db *DB) BeginInventory(ctx context.Context, s Scope) (going bool, err error) {
	scope, err := json.Marshal(s)
	if err != nil {
		return false, fmt.Errorf("staging: begin inventory: %w", err)
	}
	err = db.tx(ctx, "begin inventory", func(tx *tx) error {
		begun, err := rowsOf(tx.ExecContext(ctx, `INSERT INTO inventories (scope, started_at) VALUES ($1, $2)
			ON CONFLICT (scope) WHERE finished_at = 0 DO NOTHING`, string(scope), db.now()))
		if going = begun == 0; err != nil || going {
			return err
		}
		text, args := db.reopenWindows(s)
		_, err = tx.ExecContext(ctx, text, args...)
		return err
	})
	return going, err
}

// FinishInventory ends the inventory of a scope, all of whose windows were taken. Two
// nodes may have taken it, where one was thought dead: it ends with the first.
func (db *DB) FinishInventory(ctx context.Context, s Scope) error {
	scope, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("staging: finish inventory: %w", err)
	}
	return db.tx(ctx, "finish inventory", func(tx *tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE inventories SET finished_at = $2 WHERE scope = $1 AND finished_at = 0`, string(scope), db.now())
		return err
	})
}
