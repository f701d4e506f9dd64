package bridge

import (
	"context"
	"fmt"
	"log/slog"
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

// Reclaiming takes studies back from workers that will not finish them.
type Reclaiming interface {
	// Reclaim returns studies whose lease has run out to to-migrate.
	Reclaim(ctx context.Context, node string, all bool) (int, error)
	// Expire returns studies that have been in work for longer than a time.
	Expire(ctx context.Context, inWorkFor time.Duration) (int, error)
}

// Queueing is both.
type Queueing interface {
	Feeding
	Reclaiming
}

// Dispatcher keeps the queue filled while there is something to migrate.
type Dispatcher struct {
	Queue   Queueing
	Options staging.FeedOptions  // who feeds, how much room there is, which departments have a queue
	Open    func(time.Time) bool // the hours in which studies may be opened; nil: always
	Limit   time.Duration        // longest a study may be in work; 1 h when zero
	Logger  *slog.Logger

	bell chan struct{}
}

// lookAgain is how often staging is looked at when nothing else happens: for
// studies whose pause is over, and for leases that have run out.
const lookAgain = 500 * time.Millisecond

// NewDispatcher returns a dispatcher; Ring makes it look at staging at once.
func NewDispatcher(q Queueing, o staging.FeedOptions, open func(time.Time) bool, log *slog.Logger) *Dispatcher {
	o.Room = orDefault(o.Room, 200)
	return &Dispatcher{Queue: q, Options: o, Open: open, Logger: log, bell: make(chan struct{}, 1)}
}

// Ring says that a study has come to its end, so that there is room for another, or
// that new ones have been staged.
func (d *Dispatcher) Ring() {
	select {
	case d.bell <- struct{}{}:
	default:
	}
}

// Run feeds the studies of a scope to the queue until the inventory is closed and
// nothing is left. inventory is closed when no more studies will be staged.
func (d *Dispatcher) Run(ctx context.Context, scope staging.Scope, inventory <-chan struct{}) error {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for taken := inventory; ; {
		complete := closed(inventory)
		if complete {
			taken = nil // it has woken us once
		}
		left, err := d.round(ctx, scope)
		if err != nil {
			return err
		}
		if complete && left == 0 {
			return nil
		}
		select {
		case <-d.bell:
		case <-taken:
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// round reclaims, feeds and counts what is left.
func (d *Dispatcher) round(ctx context.Context, scope staging.Scope) (int, error) {
	if err := d.takeBack(ctx); err != nil {
		return 0, ended(ctx, err)
	}
	if d.Open == nil || d.Open(time.Now()) {
		options := d.Options
		options.Scope = scope
		if _, err := d.Queue.Feed(ctx, options); err != nil {
			return 0, ended(ctx, fmt.Errorf("feed the queue: %w", err))
		}
	}
	left, err := d.Queue.Remaining(ctx, scope)
	if err != nil {
		return 0, ended(ctx, fmt.Errorf("count what is left: %w", err))
	}
	return left, nil
}

// takeBack is the time-out clean-up: it takes studies back from processes that have
// died, and from workers that hold one for longer than a study may take. A living
// worker gives up by itself at the limit; beyond it, it hangs.
func (d *Dispatcher) takeBack(ctx context.Context) error {
	reclaimed, err := d.Queue.Reclaim(ctx, d.Options.Node, false)
	if err != nil {
		return fmt.Errorf("reclaim studies whose lease ran out: %w", err)
	}
	expired, err := d.Queue.Expire(ctx, orDefault(d.Limit, time.Hour)+farewell)
	if err != nil {
		return fmt.Errorf("take back studies that are in work for too long: %w", err)
	}
	if reclaimed+expired > 0 {
		d.Logger.Warn("studies taken back and queued again", "lease_ran_out", reclaimed, "too_long_in_work", expired)
	}
	return nil
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
