package staging

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// hold is the hold of one worker on a row with a lease: a window, or an order whose
// inventory is brought to its end. Each write begins by proving it, which extends the
// lease; a worker that was given up and comes back writes nothing (ErrLeaseLost).
type hold struct {
	db      *DB
	table   string
	working string // the state of a row in work
	id      int64
	fence   int64
	lease   time.Duration
}

// Heartbeat extends the lease.
func (h *hold) Heartbeat(ctx context.Context) error {
	return h.fenced(ctx, "heartbeat", func(*tx) error { return nil })
}

// fenced runs one step of the work in a transaction that begins by proving the hold.
func (h *hold) fenced(ctx context.Context, doing string, work func(*tx) error) error {
	return h.db.tx(ctx, fmt.Sprintf("%s of %s %d", doing, strings.TrimSuffix(h.table, "s"), h.id), func(tx *tx) error {
		n, err := rowsOf(tx.ExecContext(ctx, `UPDATE `+h.table+` SET lease_until = $3 WHERE id = $1 AND fence = $2 AND state = $4`,
			h.id, h.fence, h.db.now()+h.lease.Milliseconds(), h.working))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrLeaseLost
		}
		return work(tx)
	})
}

// end gives the row out of hand, in the state that it has from here on.
func (h *hold) end(ctx context.Context, tx *tx, state string) error {
	return oneRow(tx.ExecContext(ctx, `UPDATE `+h.table+` SET state = $2, `+outOfHand+` WHERE id = $1`, h.id, state))
}
