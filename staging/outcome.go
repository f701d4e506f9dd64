package staging

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrGrew is returned by Finish when the study gained something while it was in
// work: what was proven is not all of it. The claim holds on; the study is to be
// returned, so that it goes again.
var ErrGrew = errors.New("the study gained items while it was in work")

// UnfinishedError says why a study cannot be migrated yet: some of its items
// are neither done nor skipped.
type UnfinishedError struct {
	Open  int
	First string // one of them
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("%d items are not proven at their target, one is %s", e.Open, e.First)
}

// Temporary reports false: the items have to be proven first.
func (e *UnfinishedError) Temporary() bool { return false }

// Finish saves items and ends the study as migrated. It refuses with an
// *UnfinishedError unless every item is done or skipped, and with ErrGrew where
// more was staged meanwhile; then nothing is saved.
func (c *Claim) Finish(ctx context.Context, items ...Item) error {
	return c.fenced(ctx, "finish", func(tx *tx) error {
		if err := c.save(ctx, tx, items); err != nil {
			return err
		}
		if err := c.finished(ctx, tx); err != nil {
			return err
		}
		return c.move(ctx, tx, Migrated, `class = '', reason = '', soft_tries = 0`)
	})
}

// finished refuses a study that grew or has open items. A trigger guards the
// latter as well.
func (c *Claim) finished(ctx context.Context, tx *tx) error {
	var grown bool
	err := tx.QueryRowContext(ctx, `SELECT grown = 1 FROM studies WHERE id = $1`, c.study.ID).Scan(&grown)
	if err != nil {
		return err
	}
	if grown {
		return ErrGrew
	}
	var open UnfinishedError
	err = tx.QueryRowContext(ctx, `SELECT count(*), COALESCE(min(kind || ' ' || uid), '') FROM items
		WHERE study_id = $1 AND state IN ('pending', 'failed')`, c.study.ID).Scan(&open.Open, &open.First)
	if err != nil {
		return err
	}
	if open.Open > 0 {
		return &open
	}
	return nil
}

// Fail saves items and ends the study as failed. Items that are still pending
// fail with the class and reason they have, or with the study's.
func (c *Claim) Fail(ctx context.Context, class Class, reason string, items ...Item) error {
	if class == "" {
		class = Internal
	}
	if reason == "" {
		reason = string(class)
	}
	return c.fenced(ctx, "fail", func(tx *tx) error {
		if err := c.save(ctx, tx, items); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE items SET state = 'failed', class = COALESCE(NULLIF(class, ''), $2),
			reason = COALESCE(NULLIF(reason, ''), $3) WHERE study_id = $1 AND state IN ('pending', 'failed')`, c.study.ID, class, reason)
		if err != nil {
			return err
		}
		return c.move(ctx, tx, Failed, `class = $3, reason = $4`, class, reason)
	})
}

// Return saves items and gives the study back: it is to-migrate again, not
// before the time given has passed, and keeps what is known of its items. With
// keepAttempt the attempt is given back and counted as a soft try instead.
func (c *Claim) Return(ctx context.Context, class Class, reason string, after time.Duration, keepAttempt bool, items ...Item) error {
	return c.fenced(ctx, "return", func(tx *tx) error {
		if err := c.save(ctx, tx, items); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE items SET state = 'pending', class = '', reason = ''
			WHERE study_id = $1 AND state IN ('pending', 'failed')`, c.study.ID)
		if err != nil {
			return err
		}
		notBefore := int64(0)
		if after > 0 {
			notBefore = c.db.now() + after.Milliseconds()
		}
		return c.move(ctx, tx, ToMigrate, `class = $3, reason = $4, not_before = $5, attempts = attempts - $6, soft_tries = soft_tries + $6`,
			class, reason, notBefore, bit(keepAttempt))
	})
}

// Skip ends the study as skipped, and with it every item that is not done.
func (c *Claim) Skip(ctx context.Context, reason string) error {
	if reason == "" {
		return errors.New("staging: a study is skipped with a reason")
	}
	return c.fenced(ctx, "skip", func(tx *tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE items SET state = 'skipped', class = '', reason = $2
			WHERE study_id = $1 AND state IN ('pending', 'failed')`, c.study.ID, reason)
		if err != nil {
			return err
		}
		return c.move(ctx, tx, Skipped, `class = '', reason = $3`, reason)
	})
}
