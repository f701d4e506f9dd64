package bridge

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"pacsbridge/dimse"
)

const (
	// firstPause is how long a peer is left alone when it is found busy or away.
	firstPause = time.Second
	// pauseGrowth bounds the growing pauses: five minutes after one second.
	pauseGrowth = 300
)

// gate is the one pause that all studies share when a peer is busy or away. While
// it is shut its users wait in front of it; when the pause is over one of them
// goes through and tries, and only its success lets the others follow. So a peer
// that is away for hours costs one study a try now and then, and not each of
// thousands its patience.
type gate struct {
	peer  string
	first time.Duration
	log   *slog.Logger

	mu      sync.Mutex
	shuts   int           // how often in a row; zero: open
	until   time.Time     // end of the pause
	probing bool          // somebody has gone through to try
	away    bool          // nobody could associate, so that an association opens it
	changed chan struct{} // closed when any of these changes
}

func newGate(peer string, first time.Duration, log *slog.Logger) *gate {
	return &gate{peer: peer, first: orDefault(first, firstPause), log: log, changed: make(chan struct{})}
}

// enter waits until the gate is open, or until it is this user's turn to try.
// leave tells how that went and must be called.
func (g *gate) enter(ctx context.Context) (leave func(error), err error) {
	for {
		pass, probe, pause, changed := g.knock()
		switch {
		case pass:
			return func(err error) { g.leave(ctx, err, probe) }, nil
		case pause <= 0:
			pause = longestPause // somebody tries; changed tells the outcome
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

func (g *gate) knock() (pass, probe bool, pause time.Duration, changed chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shuts == 0 {
		return true, false, 0, nil
	}
	pause = time.Until(g.until)
	if pause <= 0 && !g.probing {
		g.probing = true
		return true, true, 0, nil
	}
	return false, false, pause, g.changed
}

// isOpen reports whether nobody has to wait.
func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shuts == 0
}

func (g *gate) leave(ctx context.Context, err error, probe bool) {
	switch {
	case away(err):
		g.shut(err, true)
	case busyPeer(err):
		g.shut(err, false)
	case ctx.Err() == nil:
		g.open()
	}
	if probe {
		g.mu.Lock()
		g.probing = false
		g.tell()
		g.mu.Unlock()
	}
}

// shut begins a pause, twice as long as the one before. Those who were with the
// peer already and are refused during a pause do not make it longer.
func (g *gate) shut(err error, away bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shuts > 0 && time.Now().Before(g.until) {
		return
	}
	longest := min(g.first<<min(g.shuts, 16), pauseGrowth*g.first)
	pause := longest/2 + rand.N(longest/2+1)
	level := slog.LevelWarn
	if g.shuts == 0 {
		level = slog.LevelError // once: a person should know
	}
	g.shuts++
	g.away, g.until = away, time.Now().Add(pause)
	g.log.Log(context.Background(), level, "the peer is busy or away; everything for it pauses",
		"peer", g.peer, "pause", pause.Round(time.Millisecond).String(), "error", err)
	g.tell()
}

// open lets everybody through, unless a pause has just begun.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shuts == 0 || time.Now().Before(g.until) {
		return
	}
	g.log.Info("the peer takes and answers again", "peer", g.peer, "pauses", g.shuts)
	g.shuts, g.away = 0, false
	g.tell()
}

// reached says that an association was opened; where the peer had been away, that
// is all that was waited for.
func (g *gate) reached() {
	g.mu.Lock()
	was := g.away
	g.mu.Unlock()
	if was {
		g.open()
	}
}

// tell wakes those who wait. The caller holds the lock.
func (g *gate) tell() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// dialError is an error of opening an association.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

// away fits a peer that cannot be associated with at the moment.
func away(err error) bool {
	return as[dialError](err) && (rejected(true)(err) || as[*dimse.TransportError](err) || as[*dimse.TimeoutError](err))
}

// busyPeer fits answers that concern the peer and not what was asked of it: a
// target without room (A7xx to C-STORE), an archive too busy to look at a C-MOVE
// (A700, A701). A702 may mean this study alone, and A700 to C-FIND too many answers.
func busyPeer(err error) bool {
	return busyArchive(err) || stored(busy)(err)
}

// busyArchive fits the answers to a C-MOVE or C-GET of an archive that did not even
// look at it.
func busyArchive(err error) bool {
	var status *dimse.StatusError
	return errors.As(err, &status) && (status.Service == dimse.ServiceMove || status.Service == dimse.ServiceGet) &&
		(status.Status == dimse.StatusOutOfResources || status.Status == dimse.StatusCannotCountMatches)
}
