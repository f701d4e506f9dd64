package bridge

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/staging"
)

var errBusy = &dimse.StatusError{Service: dimse.ServiceMove, Status: dimse.StatusOutOfResources}

// through goes through the gate with a service that ends with an error.
func through(t *testing.T, g *gate, service dimse.Service, end error) time.Duration {
	t.Helper()
	begun := time.Now()
	leave, err := g.enter(t.Context(), service)
	if err != nil {
		t.Fatal(err)
	}
	leave(end)
	return time.Since(begun)
}

func TestPausesOfAPeerDoubleUntilWhatItRefusedSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate("old", outage, nil, slog.New(slog.DiscardHandler))
		through(t, g, dimse.ServiceMove, errBusy)
		for pause := outage.First; pause < outage.Longest; pause *= 2 {
			waited := through(t, g, dimse.ServiceFind, nil) // it answers queries, and stays shut
			waited += through(t, g, dimse.ServiceMove, errBusy)
			if waited < pause/2 || waited > pause {
				t.Errorf("waited %v, want %v to %v", waited, pause/2, pause)
			}
		}
		if waited := through(t, g, dimse.ServiceMove, nil); waited > outage.Longest || !g.isOpen() {
			t.Errorf("waited %v, then open: %v", waited, g.isOpen())
		}
	})
}

func TestWhoWaitsForAPeerForTooLongGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate("old", outage, nil, slog.New(slog.DiscardHandler))
		through(t, g, dimse.ServiceMove, errBusy)
		leave, err := g.enter(t.Context(), dimse.ServiceMove) // tries, and gets no answer
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_, err = g.enter(t.Context(), dimse.ServiceMove)
		if f := classify(err); f.Class != staging.PeerBusy || f.Verdict != Wait || time.Since(begun) != outage.Limit {
			t.Errorf("gave up after %v with %v: %+v", time.Since(begun), err, f)
		}
		leave(nil)
		if waited := through(t, g, dimse.ServiceMove, nil); waited != 0 {
			t.Errorf("waited %v after it answered", waited)
		}
	})
}

// neighbours is what another node has told of a peer.
type neighbours struct {
	rest  time.Duration
	err   error
	wells int
}

func (n *neighbours) Trouble(context.Context, string, staging.Class, staging.Patience) (staging.Peer, error) {
	return staging.Peer{Rest: n.rest}, n.err
}

func (n *neighbours) Well(context.Context, string) (bool, error) {
	n.wells++
	return true, n.err
}

func TestNodesLeaveAPeerAloneForTheSameTime(t *testing.T) {
	for name, others := range map[string]*neighbours{
		"agreed": {rest: 90 * time.Second}, "the ledger is away": {err: errors.New("away")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate("new", outage, others, slog.New(slog.DiscardHandler))
				through(t, g, dimse.ServiceMove, errBusy)
				waited := through(t, g, dimse.ServiceMove, nil)
				if others.err == nil && waited != others.rest || others.err != nil && waited > outage.First {
					t.Errorf("waited %v", waited)
				}
				if others.wells != 1 {
					t.Errorf("told %d times that it is well", others.wells)
				}
			})
		})
	}
}
