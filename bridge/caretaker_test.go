package bridge

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// estate is a ledger that notes who takes care of it.
type estate struct {
	mu    sync.Mutex
	node  string
	until time.Time
	cared map[string]int // by node, how often it took back
	swept int
}

func (e *estate) Lead(_ context.Context, _, node string, lease time.Duration) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.node != node && time.Now().Before(e.until) {
		return false, nil
	}
	e.node, e.until = node, time.Now().Add(lease)
	return true, nil
}

func (e *estate) Reclaim(_ context.Context, node string, _ bool) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cared[node]++
	return 0, nil
}

func (e *estate) Expire(context.Context, time.Duration) (int, error) { return 0, nil }

func (e *estate) Sweep(context.Context) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.swept++
	return 0, nil
}

func TestOneNodeTakesCareUntilItStopsOrFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &estate{cared: map[string]int{}}
		begun := map[string]int{}
		run := func(node string) (c *Caretaker, stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			c = &Caretaker{Ledger: e, Node: node, OnLeads: func() { begun[node]++ }, Logger: slog.New(slog.DiscardHandler)}
			ended := make(chan error, 1)
			go func() { ended <- c.Run(ctx) }()
			synctest.Wait()
			return c, func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		}
		a, stopA := run("a")
		b, stopB := run("b")
		time.Sleep(time.Minute) // of the test's own clock
		synctest.Wait()
		if e.cared["a"] < 60 || e.cared["b"] != 0 || e.swept < 2 || !a.Leads() || b.Leads() {
			t.Errorf("cared %v, swept %d; a leads %v, b %v", e.cared, e.swept, a.Leads(), b.Leads())
		}
		stopA() // b leads at once
		time.Sleep(2 * careEvery)
		synctest.Wait()
		if e.cared["b"] == 0 || a.Leads() || !b.Leads() || begun["a"] != 1 || begun["b"] != 1 {
			t.Errorf("cared %v; a leads %v, b %v; they began %v", e.cared, a.Leads(), b.Leads(), begun)
		}
		stopB()
	})
}
