package staging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Window is a slice of time in the inventory. Its two parts, the query at OLD
// and the legacy records, end separately, and both survive the process.
type Window struct {
	ID           int64
	Inventory    int64     // that asked for it last
	From, To     time.Time // To is excluded
	State        WindowState
	FindDone     bool
	RecordsDone  bool
	RecordCursor string // study_key of the last record staged
	Answers      int    // of OLD; -1 where that is not known, or was not believed to be all
}

// WindowState is where a window stands.
type WindowState string

// The states of a window. Who holds it while it is queued or in work is in its row.
const (
	WindowOpen    WindowState = "open"    // no order asks for it
	WindowWaiting WindowState = "waiting" // an order does
	WindowQueued  WindowState = "queued"  // a job for it was made
	WindowWorking WindowState = "working" // a worker has it in hand
	WindowLeft    WindowState = "left"    // what comes of it is decided at the end of its inventory
	WindowDone    WindowState = "done"
)

// WindowPart is one of the two parts of a window's inventory.
type WindowPart string

// The parts of a window.
const (
	FindPart    WindowPart = "find"
	RecordsPart WindowPart = "records"
)

// windowTime keeps a window's bounds as the calendar of the source says them,
// without a zone: a window is a slice of the source's dates, not of the clock.
const windowTime = "2006-01-02T15:04:05"

const windowColumns = `id, inventory_id, from_at, to_at, state, find_done, records_done, record_cursor, answers`

func scanWindow(row scanner) (Window, error) {
	var w Window
	var from, to string
	err := row.Scan(&w.ID, &w.Inventory, &from, &to, &w.State, &w.FindDone, &w.RecordsDone, &w.RecordCursor, &w.Answers)
	if errors.Is(err, sql.ErrNoRows) {
		return w, ErrNotFound
	}
	if err != nil {
		return w, err
	}
	var begins, ends error
	w.From, begins = time.Parse(windowTime, from)
	w.To, ends = time.Parse(windowTime, to)
	return w, errors.Join(begins, ends)
}

// Windows returns the windows between two times, in their order.
func (db *DB) Windows(ctx context.Context, from, to time.Time) ([]Window, error) {
	var windows []Window
	err := db.each(ctx, `SELECT `+windowColumns+` FROM windows WHERE from_at >= $1 AND to_at <= $2 ORDER BY from_at, to_at`,
		[]any{from.Format(windowTime), to.Format(windowTime)}, func(row scanner) error {
			w, err := scanWindow(row)
			windows = append(windows, w)
			return err
		})
	return windows, db.wrap("windows", err)
}

// WindowsLeft counts the windows of a scope of days that an order asks for and that are
// not done. A scope of studies has none.
func (db *DB) WindowsLeft(ctx context.Context, s Scope) (left int, err error) {
	if s.From == "" || s.To == "" {
		return 0, nil
	}
	err = db.each(ctx, `SELECT count(*) FROM windows WHERE state IN ('waiting', 'queued', 'working', 'left') AND from_at >= $1 AND from_at <= $2`,
		[]any{s.From, s.To + "T23:59:59"}, func(row scanner) error { return row.Scan(&left) })
	return left, db.wrap("windows left", err)
}

// WindowClaim is the hold of one worker on one window. Each of its writes is fenced, as
// those of a Claim are.
type WindowClaim struct {
	hold
	window Window
}

// claimed sets what a window is while a worker has it.
const claimed = `state = 'working', node = $1, lease_until = $2, fence = fence + 1, updated_at = $3`

// ClaimWindow takes a window in hand that waits for a worker. One that does not is
// ErrNotClaimable: another has it, or it is done.
func (db *DB) ClaimWindow(ctx context.Context, id int64, node string, lease time.Duration) (*WindowClaim, error) {
	return db.claimWindow(ctx, fmt.Sprintf("claim window %d", id), node, lease, func(tx *tx, now int64) scanner {
		return tx.QueryRowContext(ctx, `UPDATE windows SET `+claimed+` WHERE id = $4 AND state IN ('waiting', 'queued')
			RETURNING fence, `+windowColumns, node, now+lease.Milliseconds(), now, id)
	})
}

// TakeWindow takes the window between two times in hand, made when it is new, whether
// or not it waits. One that another worker has is ErrNotClaimable.
func (db *DB) TakeWindow(ctx context.Context, from, to time.Time, node string, lease time.Duration) (*WindowClaim, error) {
	if !from.Before(to) {
		return nil, fmt.Errorf("window from %s to %s is empty", from.Format(windowTime), to.Format(windowTime))
	}
	begin, end := from.Format(windowTime), to.Format(windowTime)
	return db.claimWindow(ctx, "take window "+begin, node, lease, func(tx *tx, now int64) scanner {
		return tx.QueryRowContext(ctx, `INSERT INTO windows (state, node, lease_until, fence, updated_at, from_at, to_at)
			VALUES ('working', $1, $2, 1, $3, $4, $5)
			ON CONFLICT (from_at, to_at) DO UPDATE SET state = 'working', node = excluded.node, lease_until = excluded.lease_until,
				fence = windows.fence + 1, updated_at = excluded.updated_at
			WHERE windows.state <> 'working' OR windows.lease_until < excluded.updated_at
			RETURNING fence, `+windowColumns, node, now+lease.Milliseconds(), now, begin, end)
	})
}

func (db *DB) claimWindow(ctx context.Context, doing, node string, lease time.Duration, take func(tx *tx, now int64) scanner) (*WindowClaim, error) {
	if node == "" || lease <= 0 {
		return nil, errors.New("staging: a claim needs a node and a lease")
	}
	c := &WindowClaim{hold: hold{db: db, table: "windows", working: string(WindowWorking), lease: lease}}
	err := db.tx(ctx, doing, func(tx *tx) (err error) {
		c.window, err = scanWindow(prefixed{take(tx, db.now()), []any{&c.fence}})
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, ErrNotClaimable
	}
	c.id = c.window.ID
	return c, err
}

// Window returns the window as it was when it was claimed.
func (c *WindowClaim) Window() Window { return c.window }

// StageStudies is DB.StageStudies for studies of the window.
func (c *WindowClaim) StageStudies(ctx context.Context, studies []Study) (staged Staged, err error) {
	err = c.fenced(ctx, "stage studies", func(tx *tx) error {
		staged, err = c.db.stageStudies(ctx, tx, c.id, studies)
		return err
	})
	return staged, err
}

// StageRecords is DB.StageRecords for records of the window, and moves its cursor in
// the same transaction.
func (c *WindowClaim) StageRecords(ctx context.Context, cursor string, records []StagedRecord) (staged Staged, err error) {
	err = c.fenced(ctx, "stage records", func(tx *tx) error {
		if staged, err = c.db.stageRecords(ctx, tx, c.id, records); err != nil {
			return err
		}
		return oneRow(tx.ExecContext(ctx, `UPDATE windows SET record_cursor = $2 WHERE id = $1`, c.id, cursor))
	})
	return staged, err
}

// Finish records that a part of the window is done. answers is how many OLD gave, where
// they were believed at once; else -1.
func (c *WindowClaim) Finish(ctx context.Context, part WindowPart, answers int) error {
	set, ok := map[WindowPart]string{FindPart: "find_done = 1, answers = $2", RecordsPart: "records_done = 1"}[part]
	if !ok {
		return fmt.Errorf("window %d has no part %q", c.id, part)
	}
	args := []any{c.id, answers}[:map[WindowPart]int{FindPart: 2, RecordsPart: 1}[part]]
	return c.fenced(ctx, "finish "+string(part), func(tx *tx) error {
		return oneRow(tx.ExecContext(ctx, `UPDATE windows SET `+set+` WHERE id = $1`, args...))
	})
}

// End gives the window out of hand: as done, to wait for another worker, or to be
// decided at the end of the inventory.
func (c *WindowClaim) End(ctx context.Context, state WindowState) error {
	err := c.fenced(ctx, "end as "+string(state), func(tx *tx) error { return c.end(ctx, tx, string(state)) })
	if err != nil {
		return err
	}
	return c.db.fold(ctx)
}

// LeaveAll gives the window out of hand, and with it all that wait of its inventory:
// what befell this one would befall each of them, and is decided once, at the end.
func (c *WindowClaim) LeaveAll(ctx context.Context) error {
	return c.fenced(ctx, "leave", func(tx *tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE windows SET state = 'left', `+outOfHand+`, fence = fence + 1
			WHERE inventory_id = $1 AND state IN ('waiting', 'queued')`, c.window.Inventory)
		if err != nil {
			return err
		}
		return c.end(ctx, tx, string(WindowLeft))
	})
}
