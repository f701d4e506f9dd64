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
	// Reclaim returns studies whose lease has run out to to-migrate.
	Reclaim(ctx context.Context, node string, all bool) (int, error)
}

// Dispatcher keeps the queue filled while there is something to migrate.
type Dispatcher struct {
	Feeding Feeding
	Options staging.FeedOptions  // who feeds, how much room there is, which departments have a queue
	Open    func(time.Time) bool // the hours in which studies may be opened; nil: always
	Logger  *slog.Logger

	bell chan struct{}
}

// lookAgain is how often staging is looked at when nothing else happens: for
// studies whose pause is over, and for leases that have run out.
const lookAgain = 500 * time.Millisecond

// NewDispatcher returns a dispatcher; Ring makes it look at staging at once.
func NewDispatcher(f Feeding, o staging.FeedOptions, open func(time.Time) bool, log *slog.Logger) *Dispatcher {
	o.Room = orDefault(o.Room, 200)
	return &Dispatcher{Feeding: f, Options: o, Open: open, Logger: log, bell: make(chan struct{}, 1)}
}

// Ring says that a study has come to its end, so that there is room for another.
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
	for {
		complete := closed(inventory)
		left, err := d.round(ctx, scope)
		if err != nil {
			return err
		}
		if complete && left == 0 {
			return nil
		}
		select {
		case <-d.bell:
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// round reclaims, feeds and counts what is left.
func (d *Dispatcher) round(ctx context.Context, scope staging.Scope) (int, error) {
	reclaimed, err := d.Feeding.Reclaim(ctx, d.Options.Node, false)
	if err != nil {
		return 0, ended(ctx, fmt.Errorf("reclaim studies whose lease ran out: %w", err))
	}
	if reclaimed > 0 {
		d.Logger.Warn("leases ran out; studies go back to the queue", "studies", reclaimed)
	}
	if d.Open == nil || d.Open(time.Now()) {
		options := d.Options
		options.Scope = scope
		if _, err := d.Feeding.Feed(ctx, options); err != nil {
			return 0, ended(ctx, fmt.Errorf("feed the queue: %w", err))
		}
	}
	left, err := d.Feeding.Remaining(ctx, scope)
	if err != nil {
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
