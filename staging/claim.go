package staging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNotClaimable is returned for what does not wait in the queue: another worker
// has it, or it has gone back.
var ErrNotClaimable = errors.New("it is not waiting in the queue")

// ErrLeaseLost is returned by every write of a claim that is no longer the
// holder. The write left no trace; the work is to be dropped.
var ErrLeaseLost = errors.New("it is no longer held by this claim")

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
// more. The study stays in hand for the time of the lease after each write. One that
// another node is the holder of is not to be claimed.
func (db *DB) Claim(ctx context.Context, studyID int64, node string, lease time.Duration) (*Claim, error) {
	return db.takeInHand(ctx, fmt.Sprintf("claim study %d", studyID), studyID, node, lease,
		`state = 'collecting', claimed_at = $4, attempts = attempts + 1, grown = 0, verify_since = 0`, `state = 'queued'`)
}

// takeInHand gives a study that is in a certain state to a worker, with a change of its row.
func (db *DB) takeInHand(ctx context.Context, doing string, studyID int64, node string, lease time.Duration, change, state string) (*Claim, error) {
	if node == "" || lease <= 0 {
		return nil, errors.New("staging: a claim needs a node and a lease")
	}
	c := &Claim{db: db, lease: lease}
	err := db.again(ctx, func() error {
		now := db.now()
		row := db.write.QueryRowContext(ctx, `UPDATE studies SET `+change+`, node = $2, lease_until = $3, fence = fence + 1, updated_at = $4
			WHERE id = $1 AND `+state+` AND holder IN ('', $2) RETURNING fence, `+studyColumns, studyID, node, now+lease.Milliseconds(), now)
		var err error
		c.study, err = scanStudy(prefixed{row, []any{&c.fence}})
		return err
	})
	if errors.Is(err, ErrNotFound) {
		err = ErrNotClaimable
	}
	if err != nil {
		return nil, db.wrap(doing, err)
	}
	return c, nil
}

// prefixed scans a row that has more columns in front.
type prefixed struct {
	row   scanner
	first []any
}

func (p prefixed) Scan(dest ...any) error { return p.row.Scan(append(p.first, dest...)...) }

// Study returns the study as it was when it was claimed.
func (c *Claim) Study() Study { return c.study }

// Items returns everything of the study that has to arrive, and how far it is.
func (c *Claim) Items(ctx context.Context) ([]Item, error) {
	items, err := reading(ctx, c.db.engine, func() ([]Item, error) { return readItems(ctx, c.db.read, c.study.ID) })
	return items, c.db.wrap("items of study "+c.study.UID, err)
}

// Heartbeat extends the lease.
func (c *Claim) Heartbeat(ctx context.Context) error {
	if held, err := c.quick(ctx, "heartbeat", ""); held || err != nil {
		return err
	}
	return c.fenced(ctx, "heartbeat", func(*step) error { return nil })
}

// Advance moves the study on to delivering or verifying and saves items with
// it. A study that is there already stays.
func (c *Claim) Advance(ctx context.Context, to State, items ...Item) error {
	if len(items) == 0 && to.InWork() {
		if held, err := c.quick(ctx, "advance to "+string(to), to); held || err != nil {
			return err
		}
	}
	return c.fenced(ctx, "advance to "+string(to), func(s *step) error {
		if !to.InWork() {
			return &MoveError{From: s.from, To: to} // the ends have calls of their own, with their proofs
		}
		if err := s.save(ctx, items, replaceItem); err != nil {
			return err
		}
		if s.from == to {
			return nil // the step was taken, and its answer lost with the connection
		}
		return s.move(to)
	})
}

// Expect takes the list of instances that OLD holds into the study. Known ones
// keep what is recorded of them, and one that OLD no longer lists stays: it was
// promised once, and its absence is for a person to judge.
func (c *Claim) Expect(ctx context.Context, items []Item) error {
	return c.fenced(ctx, "expect items", func(s *step) error {
		expected := make([]Item, len(items))
		for i, it := range items {
			it.State, it.Class, it.Reason, it.Warning, it.SHA256 = ItemPending, "", "", "", ""
			it.Received, it.Stored, it.Found = false, false, false
			expected[i] = it
		}
		return s.save(ctx, expected, keepItem)
	})
}

// Save records how far items have come, all in one transaction.
func (c *Claim) Save(ctx context.Context, items []Item) error {
	return c.fenced(ctx, "save items", func(s *step) error { return s.save(ctx, items, replaceItem) })
}

// quick extends the lease, and moves the study, in one statement. It reports false
// where that was not to be: the slow way says why.
func (c *Claim) quick(ctx context.Context, doing string, to State) (bool, error) {
	set, from := "", inWork
	if to != "" {
		set, from = ", state = '"+string(to)+"'", mayMove(to)
	}
	var held bool
	err := c.db.again(ctx, func() error {
		now := c.db.now()
		n, err := rowsOf(c.db.write.ExecContext(ctx, `UPDATE studies SET lease_until = $3, updated_at = $4`+set+`
			WHERE id = $1 AND fence = $2 AND `+from, c.study.ID, c.fence, now+c.lease.Milliseconds(), now))
		held = n > 0
		return err
	})
	return held, c.db.wrap(doing+" of study "+c.study.UID, err)
}

// step is one step of a claim: a transaction that begins by proving the hold on
// the study, and ends with one change of its row.
type step struct {
	*Claim
	tx     *tx
	now    int64
	from   State // where the study stood
	to     State // where it goes; "" where it stays
	grown  bool
	parked bool // it sets its lease by itself
	q      query
	set    []string
}

// fenced runs one step of the claim. Reading the row proves the hold, and locks
// the row until the step is committed; the change at its end extends the lease.
func (c *Claim) fenced(ctx context.Context, doing string, work func(*step) error) error {
	return c.db.tx(ctx, doing+" of study "+c.study.UID, func(tx *tx) error {
		s := &step{Claim: c, tx: tx, now: c.db.now(), q: query{engine: c.db.engine}}
		err := tx.QueryRowContext(ctx, `SELECT state, grown FROM studies WHERE id = $1 AND fence = $2 AND `+inWork+c.db.locked,
			c.study.ID, c.fence).Scan(&s.from, &s.grown)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrLeaseLost
		}
		if err != nil {
			return err
		}
		s.q.args = []any{c.study.ID, s.now}
		if err := work(s); err != nil {
			return err
		}
		if !s.ended() && !s.parked {
			s.change("lease_until = ", s.now+c.lease.Milliseconds())
		}
		_, err = tx.ExecContext(ctx, `UPDATE studies SET updated_at = $2, `+strings.Join(s.set, ", ")+` WHERE id = $1`, s.q.args...)
		return err
	})
}

// ended reports whether the step gives the study out of hand.
func (s *step) ended() bool { return s.to != "" && !s.to.InWork() }

// change sets a column with the step; the value follows the text.
func (s *step) change(text string, value any) { s.set = append(s.set, text+s.q.arg(value)) }

// outOfHand is what a study sets that nobody holds any more.
const outOfHand = "node = '', lease_until = 0"

// move changes the state with the step.
func (s *step) move(to State) error {
	if !CanMove(s.from, to) {
		return &MoveError{From: s.from, To: to}
	}
	s.to = to
	s.change("state = ", to)
	if s.ended() {
		s.set = append(s.set, outOfHand)
	}
	return nil
}

// why sets the class and the reason with the step.
func (s *step) why(class Class, reason string) {
	s.change("class = ", class)
	s.change("reason = ", reason)
}

// save writes items, and counts what that changes.
func (s *step) save(ctx context.Context, items []Item, known string) error {
	items, err := prepared(items)
	if err != nil || len(items) == 0 {
		return err
	}
	before, err := knownItems(ctx, s.tx, s.db.engine, s.study.ID, items)
	if err != nil {
		return err
	}
	if err := writeItems(ctx, s.tx, s.study.ID, items, known); err != nil {
		return err
	}
	var change tally
	for _, it := range items {
		old, had := before[it.key()]
		switch {
		case !had:
			change.add(it, 1)
		case known == replaceItem:
			change.add(old, -1)
			change.add(it, 1)
		}
	}
	s.set = append(s.set, change.changes(&s.q)...)
	return nil
}

// recount counts the items anew with the step, after all of them changed.
func (s *step) recount() { s.set = append(s.set, recounted) }
