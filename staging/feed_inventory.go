package staging

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"
)

// WindowFeed says how much of an order's inventory to queue.
type WindowFeed struct {
	Node  string // who holds what is queued
	Jobs  int    // how many jobs may wait at once
	Chunk int    // how many windows in a row make a job
}

// FeedWindows tops the queue up with windows of an order, the earliest first, and with
// the end of its inventory once all of them were taken. The rows and their jobs commit
// together. A window whose job is not taken in time, or died with the process that took
// it, goes into another; whichever comes first claims it. It returns how many jobs it made.
func (db *DB) FeedWindows(ctx context.Context, o Order, f WindowFeed) (int, error) {
	made := 0
	err := db.tx(ctx, fmt.Sprintf("queue the inventory of order %d", o.ID), func(tx *tx) error {
		made = 0
		if err := db.alone(ctx, tx, feedLock); err != nil {
			return err
		}
		var waiting int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM river_job WHERE kind = 'window' AND state = 'available'`).Scan(&waiting); err != nil {
			return err
		}
		ids, err := db.waitingWindows(ctx, tx, o, max(f.Jobs-waiting, 0)*f.Chunk)
		if err != nil {
			return err
		}
		jobs, err := db.queueWindows(ctx, tx, f, ids)
		if err != nil {
			return err
		}
		if len(jobs) == 0 {
			if jobs, err = db.queueEnd(ctx, tx, o, f.Node); err != nil || len(jobs) == 0 {
				return err
			}
		}
		made = len(jobs)
		return db.jobs.insert(ctx, tx, jobs)
	})
	return made, err
}

func (db *DB) waitingWindows(ctx context.Context, tx *tx, o Order, most int) ([]int64, error) {
	var ids []int64
	q := db.windowsOf(o.Scope)
	err := eachRow(ctx, tx, `SELECT id FROM windows WHERE state = 'waiting' AND `+q.conditions()+` ORDER BY from_at LIMIT `+q.arg(most), q.args,
		func(row scanner) error {
			var id int64
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, err
}

func (db *DB) queueWindows(ctx context.Context, tx *tx, f WindowFeed, ids []int64) ([]river.InsertManyParams, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	now := db.now()
	q := query{engine: db.engine, args: []any{f.Node, now + queuedLease.Milliseconds(), now}}
	q.and(q.engine.inNumbers("id", q.numbers(ids)))
	_, err := tx.ExecContext(ctx, `UPDATE windows SET state = 'queued', node = $1, lease_until = $2, fence = fence + 1, updated_at = $3 WHERE `+q.conditions(), q.args...)
	return windowJobs(ids, f.Chunk), err
}

// queueEnd queues the end of an order's inventory, unless windows are still to be taken.
func (db *DB) queueEnd(ctx context.Context, tx *tx, o Order, node string) ([]river.InsertManyParams, error) {
	now := db.now()
	q := db.windowsOf(o.Scope, o.ID, node, now+queuedLease.Milliseconds())
	n, err := rowsOf(tx.ExecContext(ctx, `UPDATE orders SET state = 'queued', node = $2, lease_until = $3, fence = fence + 1
		WHERE id = $1 AND state = 'taking' AND finished_at = 0
		AND NOT EXISTS (SELECT 1 FROM windows WHERE state IN ('waiting', 'queued', 'working') AND `+q.conditions()+`)`, q.args...))
	if err != nil || n == 0 {
		return nil, err
	}
	return []river.InsertManyParams{endJob(o.ID)}, nil
}
