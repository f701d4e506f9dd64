package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Caretaking is what a cluster needs done, by one of its nodes at a time.
type Caretaking interface {
	// Lead reports whether a node has a role, and holds it for it for a time.
	Lead(ctx context.Context, role, node string, lease time.Duration) (bool, error)
	// Reclaim returns studies whose lease has run out to to-migrate.
	Reclaim(ctx context.Context, node string, all bool) (int, error)
	// Expire returns studies that have been in work for longer than a time.
	Expire(ctx context.Context, inWorkFor time.Duration) (int, error)
	// Sweep removes jobs that nobody works on and nobody will.
	Sweep(ctx context.Context) (int, error)
}

// Caretaker does what is done once in a cluster: it takes back what dead or hanging
// workers hold, and clears away the jobs they left. Every node runs one; the one
// that leads works, and when it falls silent another leads within seconds.
type Caretaker struct {
	Ledger  Caretaking
	Node    string
	Limit   time.Duration // longest a study may be in work; 1 h when zero
	OnLeads func()        // called when this node begins to lead; nil: nobody is told
	Logger  *slog.Logger

	leadsTo atomic.Pointer[time.Time]
}

// Leads reports whether this node is the one that does what is done once. A process that
// was suspended finds that it does not.
func (c *Caretaker) Leads() bool {
	until := c.leadsTo.Load()
	return until != nil && time.Now().Before(*until)
}

const (
	// caretakerRole names the role in the ledger.
	caretakerRole = "caretaker"
	// caretakerLease is how long the role stays with a node that says nothing.
	caretakerLease = 5 * time.Second
	// careEvery is how often the caretaker looks around, sweepEvery how often it
	// clears up.
	careEvery  = time.Second
	sweepEvery = 30 * time.Second
)

// Run cares until the context ends, and gives the role back.
func (c *Caretaker) Run(ctx context.Context) error {
	tick := time.NewTicker(careEvery)
	defer tick.Stop()
	ledger := trouble{log: c.Logger}
	for swept := (time.Time{}); ; {
		sweep := time.Since(swept) >= sweepEvery
		if sweep {
			swept = time.Now()
		}
		if err := ledger.passes(ctx, c.round(ctx, sweep)); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c.resign(context.WithoutCancel(ctx))
		}
	}
}

// resign lets another node lead at once.
func (c *Caretaker) resign(ctx context.Context) error {
	c.leadsTo.Store(nil)
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if _, err := c.Ledger.Lead(ctx, caretakerRole, c.Node, 0); err != nil {
		return fmt.Errorf("give the role of %s back: %w", caretakerRole, err)
	}
	return nil
}

func (c *Caretaker) round(ctx context.Context, sweep bool) error {
	led, until := c.Leads(), time.Now().Add(caretakerLease)
	leads, err := c.Ledger.Lead(ctx, caretakerRole, c.Node, caretakerLease)
	if err != nil {
		return err
	}
	if !leads {
		c.leadsTo.Store(nil)
		return nil
	}
	c.leadsTo.Store(&until)
	if !led && c.OnLeads != nil {
		c.OnLeads()
	}
	if err := c.takeBack(ctx); err != nil {
		return err
	}
	if sweep {
		if _, err := c.Ledger.Sweep(ctx); err != nil {
			return fmt.Errorf("clear away old jobs: %w", err)
		}
	}
	return nil
}

// takeBack is the time-out clean-up: it takes studies back from processes that have
// died, and from workers that hold one for longer than a study may take. A living
// worker gives up by itself at the limit; beyond it, it hangs.
func (c *Caretaker) takeBack(ctx context.Context) error {
	reclaimed, err := c.Ledger.Reclaim(ctx, c.Node, false)
	if err != nil {
		return fmt.Errorf("reclaim studies whose lease ran out: %w", err)
	}
	expired, err := c.Ledger.Expire(ctx, orDefault(c.Limit, time.Hour)+farewell)
	if err != nil {
		return fmt.Errorf("take back studies that are in work for too long: %w", err)
	}
	if reclaimed+expired > 0 {
		c.Logger.Warn("studies taken back and queued again", "lease_ran_out", reclaimed, "too_long_in_work", expired)
	}
	return nil
}
