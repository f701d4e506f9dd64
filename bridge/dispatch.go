package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pacsbridge/staging"
)

// Feeding tops the bounded queue up from staging.
type Feeding interface {
	// Feed queues studies while there is room and returns how many it queued.
	Feed(ctx context.Context, o staging.FeedOptions) (int, error)
	// Remaining counts the studies of the scope that have not come to their end.
	Remaining(ctx context.Context, scope staging.Scope) (int, error)
}

// Dispatcher keeps the queue filled while there is something to migrate. Feeding
// costs a dozen statements however few studies it queues, so it waits until there is
// room for some, unless the workers of this process run out of work.
type Dispatcher struct {
	Queue   Feeding
	Options staging.FeedOptions  // who feeds, how much room there is, which departments have a queue
	Workers int                  // of this process
	Open    func(time.Time) bool // the hours in which studies may be opened; nil: always
	Logger  *slog.Logger

	mu      sync.Mutex
	working int                    // studies in the hands of this process
	waiting int                    // studies it queued and did not take in hand; other nodes may have
	ended   int                    // studies that came to their end here since the queue was fed
	bells   map[chan struct{}]bool // of those who run
}

const (
	// lookAgain is how often staging is looked at when nothing else happens: for
	// studies whose pause is over, and for what other nodes have done.
	lookAgain = 500 * time.Millisecond
	// roundsApart is how much time lies between two looks at least.
	roundsApart = 20 * time.Millisecond
	// roomWorth is which part of the room, a quarter, makes feeding worth its
	// statements.
	roomWorth = 4
)

// NewDispatcher returns a dispatcher; Ring makes it look at staging.
func NewDispatcher(q Feeding, o staging.FeedOptions, open func(time.Time) bool, log *slog.Logger) *Dispatcher {
	o.Room = orDefault(o.Room, 200)
	return &Dispatcher{Queue: q, Options: o, Open: open, Logger: log, bells: map[chan struct{}]bool{}}
}

// Working says that a worker of this process takes a study in hand. What it returns
// is to be called at the end.
func (d *Dispatcher) Working() (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.working++
	d.waiting = max(d.waiting-1, 0)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.working--
		d.ended++
		if d.working == 0 || d.waiting <= d.Workers || d.ended >= d.Options.Room/roomWorth {
			d.ring()
		}
	}
}

// atWork reports whether this process has studies in hand.
func (d *Dispatcher) atWork() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.working > 0
}

// fed notes that so many studies were queued.
func (d *Dispatcher) fed(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = min(d.waiting+n, d.Options.Room)
	d.ended = 0
}

// Ring says that there may be something to do: new studies have been staged, or
// there is room.
func (d *Dispatcher) Ring() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ring()
}

// ring is Ring for those who hold the lock.
func (d *Dispatcher) ring() {
	for bell := range d.bells {
		select {
		case bell <- struct{}{}:
		default:
		}
	}
}

// bell is rung by Ring until silence is called.
func (d *Dispatcher) bell() (bell chan struct{}, silence func()) {
	bell = make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bells[bell] = true
	return bell, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.bells, bell)
	}
}

// Run feeds the studies of a scope to the queue until the inventory is closed and
// nothing is left. inventory is closed when no more studies will be staged.
func (d *Dispatcher) Run(ctx context.Context, scope staging.Scope, inventory <-chan struct{}) error {
	bell, silence := d.bell()
	defer silence()
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	apart := time.NewTimer(0)
	defer apart.Stop()
	ledger := trouble{log: d.Logger}
	taken, ticked := inventory, true
	for {
		complete := closed(inventory)
		if complete {
			taken = nil // it has woken us once
		}
		left, err := d.round(ctx, scope, complete && (ticked || !d.atWork()))
		if err := ledger.passes(ctx, err); err != nil {
			return err
		}
		if err == nil && left == 0 {
			return nil
		}
		apart.Reset(roundsApart)
		select {
		case <-apart.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		ticked = false
		select {
		case <-bell:
		case <-taken:
		case <-tick.C:
			ticked = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// round feeds and, where it could be nothing, counts what is left.
func (d *Dispatcher) round(ctx context.Context, scope staging.Scope, count bool) (left int, err error) {
	if d.Open == nil || d.Open(time.Now()) {
		options := d.Options
		options.Scope = scope
		n, err := d.Queue.Feed(ctx, options)
		if err != nil {
			return 0, ended(ctx, fmt.Errorf("feed the queue: %w", err))
		}
		d.fed(n)
	}
	if !count {
		return 1, nil // at least
	}
	if left, err = d.Queue.Remaining(ctx, scope); err != nil {
		return 0, ended(ctx, fmt.Errorf("count what is left: %w", err))
	}
	return left, nil
}

// ended prefers the reason why the run was stopped to the errors that this made.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// trouble is that of the ledger itself: its database is away, or its disk is full.
// It is waited for as long as a PACS is, with one line when it begins.
type trouble struct {
	log   *slog.Logger
	since time.Time
}

// passes returns nil where an error of the ledger is none, or may pass.
func (t *trouble) passes(ctx context.Context, err error) error {
	var ledger *staging.Error
	switch {
	case err == nil:
		if !t.since.IsZero() {
			t.log.Info("the ledger can be written again", "after", time.Since(t.since).Round(time.Second).String())
		}
		t.since = time.Time{}
		return nil
	case ctx.Err() != nil, !errors.As(err, &ledger), !ledger.Temporary():
		return err
	case t.since.IsZero():
		t.since = time.Now()
		t.log.Error("the ledger cannot be written at the moment; no more studies are opened", "error", err)
	case time.Since(t.since) > outage.Limit:
		return err
	}
	return nil
}
