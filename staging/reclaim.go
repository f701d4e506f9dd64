package staging

import (
	"context"
	"time"
)

// takeBack returns a study from whoever holds it, who is fenced out by it.
const takeBack = `state = 'to-migrate', node = '', lease_until = 0, verify_at = 0, fence = fence + 1`

const (
	gone           = ` AND (lease_until < $1 OR ($2 = 1 AND node = $3))`
	reclaimWorking = `UPDATE studies SET ` + takeBack + `, attempts = attempts - 1, soft_tries = soft_tries + 1, updated_at = $1
		WHERE ` + inHand + ` AND state <> 'queued' AND (lease_until < $1 OR ($2 = 1 AND node = $3 AND verify_at = 0))`
	reclaimQueued  = `UPDATE studies SET ` + takeBack + `, updated_at = $1 WHERE ` + inHand + ` AND state = 'queued'` + gone
	reclaimWindows = `UPDATE windows SET state = 'waiting', ` + outOfHand + `, fence = fence + 1, updated_at = $1
		WHERE state IN ('queued', 'working')` + gone
	reclaimOrders = `UPDATE orders SET state = 'taking', ` + outOfHand + `, fence = fence + 1
		WHERE finished_at = 0 AND state IN ('queued', 'closing')` + gone
	expireWorking = `UPDATE studies SET ` + takeBack + `, class = 'timeout', reason = 'in work for too long', updated_at = $1
		WHERE ` + inHand + ` AND state <> 'queued' AND claimed_at < $2`
)

// ownerDied is the error of an order that was abandoned.
const ownerDied = "the process that gave the order died"

// abandoned ends the orders whose owners gave no sign of life.
const abandoned = `UPDATE orders SET finished_at = $1, error = '` + ownerDied + `', state = 'taken', ` + outOfHand + `
	WHERE finished_at = 0 AND owner <> '' AND owner_until < $1`

// Reclaim returns to to-migrate what nobody works on any more and reports how
// many studies: those whose lease ran out and, with all, every one of the named
// node, which has just started and holds nothing yet. The death of a process is
// not the study's fault, so the attempt is given back as a soft try. Windows and the
// ends of inventories are returned likewise, and the orders of owners that died end.
func (db *DB) Reclaim(ctx context.Context, node string, all bool) (int, error) {
	reclaimed := 0
	err := db.tx(ctx, "reclaim studies", func(tx *tx) error {
		args := []any{db.now(), bit(all), node}
		working, err := rowsOf(tx.ExecContext(ctx, reclaimWorking, args...))
		if err != nil {
			return err
		}
		queued, err := rowsOf(tx.ExecContext(ctx, reclaimQueued, args...))
		if err != nil {
			return err
		}
		reclaimed = working + queued
		for _, statement := range []string{reclaimWindows, reclaimOrders} {
			if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, abandoned, args[0])
		return err
	})
	if err != nil {
		return 0, err
	}
	return reclaimed, db.fold(ctx)
}

// Expire is the time-out clean-up: it returns to to-migrate the studies that
// have been in work for longer than the given time, however alive their worker,
// and reports how many. The attempt counts.
func (db *DB) Expire(ctx context.Context, inWorkFor time.Duration) (int, error) {
	return db.change(ctx, "expire studies", expireWorking, db.now(), db.now()-inWorkFor.Milliseconds())
}

// RetryFilter narrows RetryFailed. The zero filter lets all pass.
type RetryFilter struct{ Class Class }

// RetryFailed sets failed studies on their way again, with all their attempts
// and everything that is known to have arrived, and returns how many.
func (db *DB) RetryFailed(ctx context.Context, s Scope, f RetryFilter) (int, error) {
	retried := 0
	err := db.tx(ctx, "retry failed studies", func(tx *tx) error {
		q := db.failedStudies(s, f)
		_, err := tx.ExecContext(ctx, `UPDATE items SET state = 'pending', class = '', reason = '' WHERE state = 'failed'
			AND study_id IN (SELECT id FROM studies WHERE `+q.conditions()+`)`, q.args...)
		if err != nil {
			return err
		}
		if err := recount(ctx, tx, q.conditions(), q.args...); err != nil {
			return err
		}
		now := q.arg(db.now())
		retried, err = rowsOf(tx.ExecContext(ctx, `UPDATE studies SET `+reopened+`, updated_at = `+now+` WHERE `+q.conditions(), q.args...))
		return err
	})
	return retried, err
}

// failedStudies are the conditions of the failed studies that are to be retried.
func (db *DB) failedStudies(s Scope, f RetryFilter) query {
	q := query{engine: db.engine}
	q.and("studies.state = 'failed'")
	if f.Class != "" {
		q.and("studies.class = " + q.arg(f.Class))
	}
	q.scope("studies", s)
	return q
}
