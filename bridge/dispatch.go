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

// Feeding tops the bounded queue up from staging, and knows what was ordered.
type Feeding interface {
	// OpenOrders are those that have not come to their end.
	OpenOrders(ctx context.Context) ([]staging.Order, error)
	// PlanOrder begins the inventory of an order, cut in windows.
	PlanOrder(ctx context.Context, o staging.Order, windows []staging.Span) error
	// FeedWindows queues windows of an order, and at last the end of its inventory.
	FeedWindows(ctx context.Context, o staging.Order, f staging.WindowFeed) (int, error)
	// FeedVerifications queues the studies whose proof is to be looked for again.
	FeedVerifications(ctx context.Context) (int, error)
	// FinishOrder ends an order of which nothing is left.
	FinishOrder(ctx context.Context, id int64, failure error) error
	// Feed queues studies while there is room and returns how many it queued.
	Feed(ctx context.Context, o staging.FeedOptions) (int, error)
	// Remaining counts the studies of the scope that have not come to their end.
	Remaining(ctx context.Context, scope staging.Scope) (int, error)
}

// Dispatcher sees to the orders of a ledger: it keeps the queue filled with their windows
// and studies until nothing is left of them. Each node has one, and that of the node that
// leads works. Feeding costs a dozen statements however few studies it queues, so it waits
// until there is room for some, unless the workers of this process run out of work.
type Dispatcher struct {
	Queue   Feeding
	Leads   func() bool          // whether this node is the one that feeds; nil: always
	Options staging.FeedOptions  // who feeds, how much room there is, which departments have a queue
	Workers int                  // of this process
	Step    time.Duration        // length of a window; 24 h when zero
	Open    func(time.Time) bool // the hours in which studies may be opened; nil: always
	// Begun says to queue, beside what is ordered, studies that have been in work before
	// and belong to nobody's order: those that were retried, repaired, or left by a node
	// that stopped.
	Begun       bool
	OnFulfilled func(order int64) // called when this node saw an order to its end; nil: nobody is told
	Logger      *slog.Logger

	rounds int

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

// Run feeds while this node leads, until the context ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	bell, silence := d.bell()
	defer silence()
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	apart := time.NewTimer(0)
	defer apart.Stop()
	ledger := trouble{log: d.Logger}
	for ticked := true; ; {
		if d.Leads == nil || d.Leads() {
			err := d.round(ctx, ticked || !d.atWork())
			if err := ledger.passes(ctx, err); err != nil && ctx.Err() == nil {
				return err
			}
		}
		apart.Reset(roundsApart)
		select {
		case <-apart.C:
		case <-ctx.Done():
			return nil
		}
		ticked = false
		select {
		case <-bell:
		case <-tick.C:
			ticked = true
		case <-ctx.Done():
			return nil
		}
	}
}

// round sees to every order, beginning with another one each time: they share the room.
func (d *Dispatcher) round(ctx context.Context, count bool) error {
	if _, err := d.Queue.FeedVerifications(ctx); err != nil {
		return fmt.Errorf("queue what waits for its proof: %w", err)
	}
	orders, err := d.Queue.OpenOrders(ctx)
	if err != nil {
		return fmt.Errorf("look for orders: %w", err)
	}
	d.rounds++
	for i := range orders {
		if err := d.order(ctx, orders[(i+d.rounds)%len(orders)], count); err != nil {
			return err
		}
	}
	if !d.Begun {
		return nil
	}
	begun := d.Options
	begun.Begun = true
	return d.feed(ctx, begun)
}

// order takes an order one step on: its windows, its studies, its end.
func (d *Dispatcher) order(ctx context.Context, o staging.Order, count bool) error {
	if err := d.inventory(ctx, o); err != nil {
		return fmt.Errorf("inventory of order %d: %w", o.ID, err)
	}
	options := d.Options
	options.Scope = o.Scope
	if err := d.feed(ctx, options); err != nil {
		return err
	}
	if o.State != staging.OrderTaken || !count {
		return nil
	}
	left, err := d.Queue.Remaining(ctx, o.Scope)
	if err != nil {
		return fmt.Errorf("count what is left: %w", err)
	}
	if left > 0 {
		return nil
	}
	if err := d.Queue.FinishOrder(ctx, o.ID, nil); err != nil && !errors.Is(err, staging.ErrNotFound) {
		return fmt.Errorf("finish order %d: %w", o.ID, err)
	}
	d.Logger.Info("order fulfilled", "order", o.ID)
	if d.OnFulfilled != nil {
		d.OnFulfilled(o.ID)
	}
	return nil
}

const (
	// windowJobs is how many jobs of the inventory wait for a worker at most, and
	// windowChunk how many windows one of them is: enough to be worth its statements,
	// and few enough that a month is taken by several nodes.
	windowJobs  = 8
	windowChunk = 8
)

// inventory begins that of an order, or queues more of its windows.
func (d *Dispatcher) inventory(ctx context.Context, o staging.Order) error {
	switch o.State {
	case staging.OrderWaiting:
		first, last, err := daysOf(o.Scope)
		var spans []staging.Span
		if err == nil && len(o.Scope.StudyUIDs) == 0 {
			for _, w := range Windows(first, last, orDefault(d.Step, 24*time.Hour)) {
				spans = append(spans, staging.Span(w))
			}
		}
		d.Logger.Info("order taken", "order", o.ID, "windows", len(spans))
		defer d.Ring()
		return d.Queue.PlanOrder(ctx, o, spans)
	case staging.OrderTaking:
		_, err := d.Queue.FeedWindows(ctx, o, staging.WindowFeed{Node: d.Options.Node, Jobs: windowJobs, Chunk: windowChunk})
		return err
	}
	return nil
}

// feed queues studies in the hours in which they may be opened.
func (d *Dispatcher) feed(ctx context.Context, o staging.FeedOptions) error {
	if d.Open != nil && !d.Open(time.Now()) {
		return nil
	}
	n, err := d.Queue.Feed(ctx, o)
	if err != nil {
		return fmt.Errorf("feed the queue: %w", err)
	}
	d.fed(n)
	return nil
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
