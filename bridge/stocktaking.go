package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pacsbridge/staging"
)

// Stocks is where the inventories of orders stand, which several nodes take together.
type Stocks interface {
	ClaimWindow(ctx context.Context, id int64, node string, lease time.Duration) (*staging.WindowClaim, error)
	ClaimOrder(ctx context.Context, id int64, node string, lease time.Duration) (*staging.OrderClaim, error)
	// Learn adds to what is known of OLD in an inventory; Knowledge returns that of a scope.
	Learn(ctx context.Context, inventory int64, add func(known string) (string, error)) error
	Knowledge(ctx context.Context, s staging.Scope) (string, error)
	FinishInventory(ctx context.Context, s staging.Scope) error
}

// Stocktaker does the jobs of inventories: it takes single windows, each apart from the
// others, and brings an inventory to its end when all its windows were taken. What a
// window alone cannot decide is left to that end: answers that are cut short, an OLD
// that ignores dates, a window that failed.
type Stocktaker struct {
	Inventory Inventory // how it is taken
	Ledger    Stocks
	OnEnded   func(order int64, err error) // called when this process ended an order's inventory; nil: nobody is told
}

// Window takes one window that waits. One that another process has, or has done, is left
// alone. The error is the ledger's own.
func (s *Stocktaker) Window(ctx context.Context, id int64) error {
	v := &s.Inventory
	claim, err := s.Ledger.ClaimWindow(ctx, id, v.node(), v.lease())
	if errors.Is(err, staging.ErrNotClaimable) || ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim window %d: %w", id, err)
	}
	row := claim.Window()
	w := Window{From: row.From, To: row.To}
	census := newCensus(v.Old, v.Pause, v.log())
	census.single = true
	var found Found
	err = v.hold(ctx, claim, func(ctx context.Context) error {
		err := s.Ledger.Learn(ctx, row.Inventory, func(known string) (string, error) { return known, census.recall(known) })
		if err != nil {
			return fmt.Errorf("recall what is known of the old PACS: %w", err)
		}
		err = v.window(ctx, census, claim, w, &found)
		return errors.Join(err, s.Ledger.Learn(ctx, row.Inventory, census.known))
	})
	v.log().Debug("window taken", "window", w.String(), "studies", found.Studies, "records", found.Records, "new", found.New,
		"reopened", found.Reopened, "error", err)
	return s.conclude(ctx, claim, w, err)
}

// conclude gives a window out of hand.
func (s *Stocktaker) conclude(ctx context.Context, claim *staging.WindowClaim, w Window, err error) error {
	stopping := ctx.Err() != nil
	ctx, cancel := outlasting(ctx)
	defer cancel()
	switch {
	case errors.Is(err, staging.ErrLeaseLost):
		s.Inventory.log().Warn("lease lost; another process takes the window", "window", w.String())
		return nil
	case err == nil:
		return claim.End(ctx, staging.WindowDone)
	case stopping:
		return claim.End(ctx, staging.WindowWaiting)
	case partial(err):
		return claim.End(ctx, staging.WindowLeft)
	}
	s.Inventory.log().Warn("the inventory is left to its end", "window", w.String(), "error", err)
	return claim.LeaveAll(ctx)
}

// End brings the inventory of an order to its end: windows that were left, answers that
// are doubted since, studies without a date. What it finds wrong is noted in the order.
func (s *Stocktaker) End(ctx context.Context, orderID int64) error {
	v := s.Inventory
	claim, err := s.Ledger.ClaimOrder(ctx, orderID, v.node(), v.lease())
	if errors.Is(err, staging.ErrNotClaimable) || ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim order %d: %w", orderID, err)
	}
	scope := claim.Order().Scope
	err = v.hold(ctx, claim, func(ctx context.Context) error { return s.rest(ctx, v, scope) })
	stopping := ctx.Err() != nil
	ctx, cancel := outlasting(ctx)
	defer cancel()
	switch {
	case errors.Is(err, staging.ErrLeaseLost):
		v.log().Warn("lease lost; another process ends the inventory", "order", orderID)
		return nil
	case err != nil && (stopping || ledgerAway(err)):
		return claim.Return(ctx)
	}
	if s.OnEnded != nil {
		s.OnEnded(orderID, err)
	}
	return claim.End(ctx, err)
}

func (s *Stocktaker) rest(ctx context.Context, v Inventory, scope staging.Scope) error {
	first, last, err := daysOf(scope)
	if err != nil {
		return err
	}
	if v.Known, err = s.Ledger.Knowledge(ctx, scope); err != nil {
		return err
	}
	v.Undated = scope.Undated
	found, err := v.Range(ctx, first, last)
	v.log().Info("inventory taken", "from", scope.From, "to", scope.To, "left_to_the_end", found.Studies, "undated", found.Undated)
	if err != nil {
		return err
	}
	return s.Ledger.FinishInventory(ctx, scope)
}

// daysOf returns the first and the last day of a scope.
func daysOf(scope staging.Scope) (first, last time.Time, err error) {
	first, begin := time.Parse(dayLayout, scope.From)
	last, end := time.Parse(dayLayout, scope.To)
	return first, last, errors.Join(begin, end)
}

// holding takes a window in hand for work, and notes how that ended. It waits while
// another process has the window.
func (v *Inventory) holding(ctx context.Context, w Window, work func(context.Context, *staging.WindowClaim) error) error {
	claim, err := v.Register.TakeWindow(ctx, w.From, w.To, v.node(), v.lease())
	for errors.Is(err, staging.ErrNotClaimable) {
		if err := wait(ctx, lookAgain); err != nil {
			return err
		}
		claim, err = v.Register.TakeWindow(ctx, w.From, w.To, v.node(), v.lease())
	}
	if err != nil {
		return fmt.Errorf("take the window in hand: %w", err)
	}
	err = v.hold(ctx, claim, func(ctx context.Context) error { return work(ctx, claim) })
	ctx, cancel := outlasting(ctx)
	defer cancel()
	state := staging.WindowDone
	if err != nil {
		state = staging.WindowLeft
	}
	if ended := claim.End(ctx, state); ended != nil && err == nil {
		return fmt.Errorf("end the window: %w", ended)
	}
	return err
}

// lease is a hold that lasts as long as it is told to.
type lease interface {
	Heartbeat(ctx context.Context) error
}

// hold runs work with a heartbeat beside it. The work is cancelled when its lease is
// lost, and a panic of ours is its error.
func (v *Inventory) hold(ctx context.Context, held lease, work func(context.Context) error) (err error) {
	ctx, lose := context.WithCancelCause(ctx)
	beating := beat(ctx, held, v.lease()/3, lose)
	defer beating()
	defer func() {
		if p := recover(); p != nil {
			err = fault(v.log(), p)
		}
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause
		}
	}()
	return work(ctx)
}

// beat extends a lease now and then, and tells when it is lost. stop ends that and waits
// for it.
func beat(ctx context.Context, held lease, every time.Duration, lose context.CancelCauseFunc) (stop func()) {
	tick := time.NewTicker(every)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-tick.C:
				if err := held.Heartbeat(ctx); err != nil && ctx.Err() == nil {
					lose(err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		tick.Stop()
		lose(nil)
		<-done
	}
}

// recall tells the census what was learned before, and returns the windows of some days
// of which nothing is left to do.
func (v *Inventory) recall(ctx context.Context, census *census, days Window) (done map[Window]bool, err error) {
	if err := census.recall(v.Known); err != nil {
		return nil, err
	}
	rows, err := v.Register.Windows(ctx, days.From, days.To)
	if err != nil {
		return nil, fmt.Errorf("read how far the inventory is: %w", err)
	}
	done = map[Window]bool{}
	for _, row := range rows {
		w := Window{From: row.From, To: row.To}
		done[w] = row.State == staging.WindowDone && (row.RecordsDone || v.Legacy == nil)
		if row.Answers >= 0 {
			census.accepted[w] = row.Answers
		}
	}
	return done, nil
}

func (v *Inventory) node() string {
	if v.Node == "" {
		return "inventory"
	}
	return v.Node
}

func (v *Inventory) lease() time.Duration { return orDefault(v.Lease, time.Minute) }
