package staging

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// justMigrated is what a study sets that was proven, the time being $2.
const justMigrated = "soft_tries = 0, waiting_since = 0, migrated_at = $2, holder = ''"

// Finish saves items and ends the study as migrated. It refuses with an
// *UnfinishedError unless every item is done or skipped, and with ErrGrew where
// more was staged meanwhile; then nothing is saved.
func (c *Claim) Finish(ctx context.Context, items ...Item) error {
	if ended, err := c.finishAtOnce(ctx, items); ended || err != nil {
		return err
	}
	return c.fenced(ctx, "finish", func(s *step) error {
		all, rows, err := s.overlaid(ctx, items)
		if err != nil {
			return err
		}
		if s.grown {
			return ErrGrew
		}
		if err := finished(all); err != nil {
			return err
		}
		if err := rest(ctx, s.tx, s.study.ID, all, rows); err != nil {
			return err
		}
		s.set = append(s.set, tallyOf(all).values(&s.q)...)
		s.set = append(s.set, justMigrated)
		s.why("", "")
		return s.move(Migrated)
	})
}

// finishAtOnce is Finish in one statement, for a study that came to its end before any
// of its items became a row. It reports false where that was not to be: the slow way
// says why, or does more.
func (c *Claim) finishAtOnce(ctx context.Context, items []Item) (bool, error) {
	items, err := prepared(items)
	if err != nil || len(items) == 0 || !c.db.engine.changesInWith || finished(items) != nil {
		return false, err
	}
	sortItems(items)
	manifest, err := pack(items)
	if err != nil {
		return false, err
	}
	var ended bool
	err = c.db.again(ctx, func() error {
		q := query{engine: c.db.engine, args: []any{c.study.ID, c.db.now(), c.fence, manifest}}
		n, err := rowsOf(c.db.write.ExecContext(ctx, `WITH ended AS (UPDATE studies SET state = 'migrated', updated_at = $2, class = '', reason = '',
			`+outOfHand+`, `+justMigrated+`, `+strings.Join(tallyOf(items).values(&q), ", ")+`
			WHERE id = $1 AND fence = $3 AND state = 'verifying' AND grown = 0 AND instances + records + attachments = 0 RETURNING id)
			INSERT INTO manifests (study_id, items) SELECT id, CAST($4 AS bytea) FROM ended`, q.args...))
		ended = n > 0
		return err
	})
	return ended, c.db.wrap("finish of study "+c.study.UID, err)
}

// overlaid returns the items of the study as they are with the given ones, in
// their order, and how many of them are rows.
func (s *step) overlaid(ctx context.Context, items []Item) (all []Item, rows int, err error) {
	items, err = prepared(items)
	if err != nil {
		return nil, 0, err
	}
	all, err = readRows(ctx, s.tx, s.study.ID)
	if err != nil {
		return nil, 0, err
	}
	rows = len(all)
	at := make(map[itemKey]int, len(all))
	for i, it := range all {
		at[it.key()] = i
	}
	for _, it := range items {
		i, known := at[it.key()]
		if !known {
			all = append(all, it)
			continue
		}
		if it.Payload == nil {
			it.Payload = all[i].Payload
		}
		all[i] = it
	}
	sortItems(all)
	return all, rows, nil
}

// finished refuses open items. Constraints and a trigger guard it as well.
func finished(items []Item) error {
	var open UnfinishedError
	for _, it := range items {
		if it.State == ItemDone || it.State == ItemSkipped {
			continue
		}
		if open.Open++; open.Open == 1 {
			open.First = string(it.Kind) + " " + it.UID
		}
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
	return c.fenced(ctx, "fail", func(s *step) error {
		if err := s.write(ctx, items); err != nil {
			return err
		}
		_, err := s.tx.ExecContext(ctx, `UPDATE items SET state = 'failed', class = COALESCE(NULLIF(class, ''), $2),
			reason = COALESCE(NULLIF(reason, ''), $3) WHERE study_id = $1 AND state IN ('pending', 'failed')`, c.study.ID, class, reason)
		if err != nil {
			return err
		}
		s.recount()
		s.why(class, reason)
		return s.move(Failed)
	})
}

// Return saves items and gives the study back: it is to-migrate again, not
// before the time given has passed, and keeps what is known of its items. With
// keepAttempt the attempt is given back and counted as a soft try instead.
func (c *Claim) Return(ctx context.Context, class Class, reason string, after time.Duration, keepAttempt bool, items ...Item) error {
	return c.fenced(ctx, "return", func(s *step) error {
		if err := s.write(ctx, items); err != nil {
			return err
		}
		_, err := s.tx.ExecContext(ctx, `UPDATE items SET state = 'pending', class = '', reason = ''
			WHERE study_id = $1 AND state IN ('pending', 'failed')`, c.study.ID)
		if err != nil {
			return err
		}
		notBefore := int64(0)
		if after > 0 {
			notBefore = s.now + after.Milliseconds()
		}
		s.recount()
		s.why(class, reason)
		s.change("not_before = ", notBefore)
		if keepAttempt {
			s.set = append(s.set, "attempts = attempts - 1", "soft_tries = soft_tries + 1",
				"waiting_since = CASE WHEN waiting_since = 0 THEN $2 ELSE waiting_since END")
		} else {
			s.set = append(s.set, "waiting_since = 0")
		}
		return s.move(ToMigrate)
	})
}

// Skip ends the study as skipped, and with it every item that is not done.
func (c *Claim) Skip(ctx context.Context, reason string) error {
	if reason == "" {
		return errors.New("staging: a study is skipped with a reason")
	}
	return c.fenced(ctx, "skip", func(s *step) error {
		_, err := s.tx.ExecContext(ctx, `UPDATE items SET state = 'skipped', class = '', reason = $2
			WHERE study_id = $1 AND state IN ('pending', 'failed')`, c.study.ID, reason)
		if err != nil {
			return err
		}
		s.recount()
		s.why("", reason)
		return s.move(Skipped)
	})
}

// write writes items without counting them: the step recounts all.
func (s *step) write(ctx context.Context, items []Item) error {
	items, err := prepared(items)
	if err != nil {
		return err
	}
	return writeItems(ctx, s.tx, s.study.ID, items, replaceItem)
}
