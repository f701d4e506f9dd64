package staging

import (
	"context"
	"fmt"
	"time"
)

// Window is a slice of time in the inventory. Its two parts, the query at OLD
// and the legacy records, end separately, and both survive the process.
type Window struct {
	ID           int64
	From, To     time.Time // To is excluded
	FindDone     bool
	RecordsDone  bool
	RecordCursor string // study_key of the last record staged
}

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

// Window returns the window between two times, made when it is new.
func (db *DB) Window(ctx context.Context, from, to time.Time) (Window, error) {
	if !from.Before(to) {
		return Window{}, fmt.Errorf("window from %s to %s is empty", from.Format(windowTime), to.Format(windowTime))
	}
	w := Window{From: from, To: to}
	err := db.tx(ctx, "window "+from.Format(windowTime), func(tx *tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO windows (from_at, to_at, updated_at) VALUES ($1, $2, $3)
			ON CONFLICT (from_at, to_at) DO NOTHING`, from.Format(windowTime), to.Format(windowTime), db.now())
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT id, find_done, records_done, record_cursor FROM windows
			WHERE from_at = $1 AND to_at = $2`, from.Format(windowTime), to.Format(windowTime)).
			Scan(&w.ID, &w.FindDone, &w.RecordsDone, &w.RecordCursor)
	})
	return w, err
}

// FinishWindow records that a part of a window is done.
func (db *DB) FinishWindow(ctx context.Context, id int64, part WindowPart) error {
	column, ok := map[WindowPart]string{FindPart: "find_done", RecordsPart: "records_done"}[part]
	if !ok {
		return fmt.Errorf("window %d has no part %q", id, part)
	}
	err := db.tx(ctx, fmt.Sprintf("finish window %d", id), func(tx *tx) error {
		return oneRow(tx.ExecContext(ctx, `UPDATE windows SET `+column+` = 1, updated_at = $2 WHERE id = $1`, id, db.now()))
	})
	if err != nil {
		return err
	}
	return db.fold(ctx)
}

// reopenWindows makes the windows that touch a range begin anew.
func (db *DB) reopenWindows(s Scope) (string, []any) {
	q := query{engine: db.engine, args: []any{db.now()}}
	if s.From != "" {
		q.and("to_at > " + q.arg(s.From+"T00:00:00"))
	}
	if s.To != "" {
		q.and("from_at <= " + q.arg(s.To+"T23:59:59"))
	}
	return `UPDATE windows SET find_done = 0, records_done = 0, record_cursor = '', updated_at = $1 WHERE ` + q.conditions(), q.args
}
