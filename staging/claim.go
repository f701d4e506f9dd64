package staging

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNotClaimable is returned for a study that does not wait in the queue:
// another worker has it, or it has gone back.
var ErrNotClaimable = errors.New("the study is not waiting in the queue")

// ErrLeaseLost is returned by every write of a claim that is no longer the
// study's holder. The write left no trace; the work is to be dropped.
var ErrLeaseLost = errors.New("the study is no longer held by this claim")

// Claim is the hold of one worker on one study. Each of its writes is fenced:
// it goes through only while this claim is the latest on the study, and it
// extends the lease. A claim belongs to one worker; its heartbeat may run
// beside the work.
type Claim struct {
	db    *DB
	study Study
	fence int64
	lease time.Duration
}

// Claim takes a queued study in hand: it becomes collecting, with one attempt
// more. The study stays in hand for the time of the lease after each write.
func (db *DB) Claim(ctx context.Context, studyID int64, node string, lease time.Duration) (*Claim, error) {
	if node == "" || lease <= 0 {
		return nil, errors.New("staging: a claim needs a node and a lease")
	}
	c := &Claim{db: db, lease: lease}
	err := db.tx(ctx, fmt.Sprintf("claim study %d", studyID), func(tx *tx) error {
		now := db.now()
		n, err := rowsOf(tx.ExecContext(ctx, `UPDATE studies SET state = 'collecting', node = $2, lease_until = $3, claimed_at = $4,
			attempts = attempts + 1, fence = fence + 1, grown = 0, updated_at = $4 WHERE id = $1 AND state = 'queued'`,
			studyID, node, now+lease.Milliseconds(), now))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotClaimable
		}
		if c.study, err = scanStudy(tx.QueryRowContext(ctx, `SELECT `+studyColumns+` FROM studies WHERE id = $1`, studyID)); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT fence FROM studies WHERE id = $1`, studyID).Scan(&c.fence)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Study returns the study as it was when it was claimed.
func (c *Claim) Study() Study { return c.study }

// Items returns everything of the study that has to arrive, and how far it is.
func (c *Claim) Items(ctx context.Context) ([]Item, error) {
	items, err := readItems(ctx, c.db.read, c.study.ID)
	return items, c.db.wrap("items of study "+c.study.UID, err)
}

// Heartbeat extends the lease.
func (c *Claim) Heartbeat(ctx context.Context) error {
	return c.fenced(ctx, "heartbeat", func(*tx) error { return nil })
}

// Advance moves the study on to delivering or verifying and saves items with
// it.
func (c *Claim) Advance(ctx context.Context, to State, items ...Item) error {
	return c.fenced(ctx, "advance to "+string(to), func(tx *tx) error {
		if !to.InWork() {
			return &MoveError{From: c.study.State, To: to} // the ends have calls of their own, with their proofs
		}
		if err := c.save(ctx, tx, items); err != nil {
			return err
		}
		return c.move(ctx, tx, to, "")
	})
}

// Expect takes the list of instances that OLD holds into the study. Known ones
// keep what is recorded of them, and one that OLD no longer lists stays: it was
// promised once, and its absence is for a person to judge.
func (c *Claim) Expect(ctx context.Context, items []Item) error {
	return c.fenced(ctx, "expect items", func(tx *tx) error {
		insert, err := tx.PrepareContext(ctx, `INSERT INTO items (study_id, kind, uid, object_uid, series_uid, sop_class, transfer_syntax, bytes, payload)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (study_id, kind, uid) DO UPDATE SET
				series_uid = COALESCE(NULLIF(items.series_uid, ''), excluded.series_uid),
				sop_class = COALESCE(NULLIF(items.sop_class, ''), excluded.sop_class)`)
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, it := range items {
			if err := it.check(); err != nil {
				return err
			}
			it = it.withDefaults()
			_, err := insert.ExecContext(ctx, c.study.ID, it.Kind, it.UID, it.ObjectUID, it.SeriesUID, it.SOPClass,
				it.TransferSyntax, it.Bytes, it.Payload)
			if err != nil {
				return fmt.Errorf("%s %q: %w", it.Kind, it.UID, err)
			}
		}
		return nil
	})
}

// Save records how far items have come, all in one transaction.
func (c *Claim) Save(ctx context.Context, items []Item) error {
	return c.fenced(ctx, "save items", func(tx *tx) error { return c.save(ctx, tx, items) })
}

const saveItem = `INSERT INTO items (study_id, kind, uid, object_uid, series_uid, sop_class, transfer_syntax, state, class, reason,
		warning, bytes, sha256, received, stored, found, payload)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
	ON CONFLICT (study_id, kind, uid) DO UPDATE SET
		object_uid = excluded.object_uid, series_uid = excluded.series_uid, sop_class = excluded.sop_class,
		transfer_syntax = excluded.transfer_syntax, state = excluded.state, class = excluded.class,
		reason = excluded.reason, warning = excluded.warning, bytes = excluded.bytes, sha256 = excluded.sha256,
		received = excluded.received, stored = excluded.stored, found = excluded.found,
		payload = COALESCE(excluded.payload, items.payload)`

func (c *Claim) save(ctx context.Context, tx *tx, items []Item) error {
	if len(items) == 0 {
		return nil
	}
	save, err := tx.PrepareContext(ctx, saveItem)
	if err != nil {
		return err
	}
	defer save.Close()
	for _, it := range items {
		if err := it.check(); err != nil {
			return err
		}
		it = it.withDefaults()
		_, err := save.ExecContext(ctx, c.study.ID, it.Kind, it.UID, it.ObjectUID, it.SeriesUID, it.SOPClass, it.TransferSyntax,
			it.State, it.Class, it.Reason, it.Warning, it.Bytes, it.SHA256, bit(it.Received), bit(it.Stored), bit(it.Found), it.Payload)
		if err != nil {
			return fmt.Errorf("%s %q: %w", it.Kind, it.UID, err)
		}
	}
	return nil
}

// fenced runs one step of the claim in one transaction that begins by proving,
// and extending, the hold on the study. On PostgreSQL the same statement locks
// the row until the step is committed.
func (c *Claim) fenced(ctx context.Context, doing string, step func(*tx) error) error {
	return c.db.tx(ctx, doing+" of study "+c.study.UID, func(tx *tx) error {
		now := c.db.now()
		held, err := rowsOf(tx.ExecContext(ctx, `UPDATE studies SET lease_until = $3, updated_at = $4
			WHERE id = $1 AND fence = $2 AND `+inWork, c.study.ID, c.fence, now+c.lease.Milliseconds(), now))
		if err != nil {
			return err
		}
		if held == 0 {
			return ErrLeaseLost
		}
		return step(tx)
	})
}

// move changes the state within a fenced step; set is what changes with it.
func (c *Claim) move(ctx context.Context, tx *tx, to State, set string, args ...any) error {
	var from State
	if err := tx.QueryRowContext(ctx, `SELECT state FROM studies WHERE id = $1`, c.study.ID).Scan(&from); err != nil {
		return err
	}
	if !CanMove(from, to) {
		return &MoveError{From: from, To: to}
	}
	if !to.InWork() {
		set = strings.TrimPrefix(set+", node = '', lease_until = 0", ", ")
	}
	if set != "" {
		set = ", " + set
	}
	_, err := tx.ExecContext(ctx, `UPDATE studies SET state = $2`+set+` WHERE id = $1`, append([]any{c.study.ID, to}, args...)...)
	return err
}
