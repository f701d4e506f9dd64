package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Troubles is where the nodes of a cluster tell one another that a peer is busy or
// away, so that all leave it alone for the same time.
type Troubles interface {
	// Trouble notes that a peer is in trouble and says how long it is left alone.
	Trouble(ctx context.Context, peer string, class staging.Class, patience staging.Patience) (staging.Peer, error)
	// Well notes that it is well again.
	Well(ctx context.Context, peer string) (bool, error)
}

// gate is the one pause that all studies share when a peer is busy or away. While
// it is shut its users wait in front of it; when the pause is over one of them
// goes through and tries, and only its success lets the others follow. So a peer
// that is away for hours costs one study a try now and then, and not each of
// thousands its patience. Who waited for as long as the patience lasts gives up with
// what the peer said last.
type gate struct {
	peer     string
	refuses  func(dimse.Service, error) (refused dimse.Service, is bool) // which errors shut it
	patience staging.Patience
	troubles Troubles // nil: nobody else is told
	log      *slog.Logger

	mu      sync.Mutex
	shuts   int           // how often in a row; zero: open
	until   time.Time     // end of the pause
	cause   error         // of the pause
	probing bool          // somebody has gone through to try
	refused dimse.Service // what was refused: its success opens the gate; "" where nobody could associate
	changed chan struct{} // closed when any of these changes
}

func newGate(peer string, patience staging.Patience, troubles Troubles, log *slog.Logger) *gate {
	return &gate{peer: peer, refuses: refusedByPeer, patience: patience, troubles: troubles, log: log, changed: make(chan struct{})}
}

// enter waits until the gate is open, or until it is this user's turn to try.
// leave tells how the service went and must be called.
func (g *gate) enter(ctx context.Context, service dimse.Service) (leave func(error), err error) {
	patience := time.NewTimer(g.patience.Limit)
	defer patience.Stop()
	for {
		pass, probe, pause, changed := g.knock()
		switch {
		case pass:
			return func(err error) { g.leave(ctx, service, err, probe) }, nil
		case pause <= 0:
			pause = g.patience.Longest // somebody tries; changed tells the outcome
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-changed:
		case <-patience.C:
			err = g.givenUp()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		timer.Stop()
		if err != nil {
			return nil, err
		}
	}
}

// givenUp is the error of somebody who waited too long.
func (g *gate) givenUp() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cause == nil {
		return nil // it has opened at this moment
	}
	return fmt.Errorf("waited %s for %s: %w", g.patience.Limit, g.peer, g.cause)
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

func (g *gate) leave(ctx context.Context, service dimse.Service, err error, probe bool) {
	if refused, is := g.refuses(service, err); is {
		g.shut(err, refused)
	} else if ctx.Err() == nil {
		g.open(service)
	}
	if probe {
		g.mu.Lock()
		g.probing = false
		g.tell()
		g.mu.Unlock()
	}
}

// shut begins a pause. Those who were with the peer already and are refused during
// a pause do not make it longer.
func (g *gate) shut(err error, refused dimse.Service) {
	pause, first, begun := g.pause(err, refused)
	if !begun {
		return
	}
	if agreed, ok := g.agree(err); ok {
		pause = agreed
		g.mu.Lock()
		g.until = time.Now().Add(pause)
		g.tell()
		g.mu.Unlock()
	}
	level := slog.LevelWarn
	if first {
		level = slog.LevelError // once: a person should know
	}
	g.log.Log(context.Background(), level, "busy, away or full; everything for it pauses",
		"peer", g.peer, "pause", pause.Round(time.Millisecond).String(), "error", err)
}

// pause begins one by our own count, unless there is one.
func (g *gate) pause(err error, refused dimse.Service) (pause time.Duration, first, begun bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shuts > 0 && time.Now().Before(g.until) {
		return 0, false, false
	}
	g.shuts++
	pause = g.patience.Pause(g.shuts)
	g.refused, g.cause, g.until = refused, err, time.Now().Add(pause)
	g.tell()
	return pause, g.shuts == 1, true
}

// agree tells the other nodes, and returns how long all of them leave the peer alone.
func (g *gate) agree(err error) (pause time.Duration, ok bool) {
	if g.troubles == nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	p, refused := g.troubles.Trouble(ctx, g.peer, classify(err).Class, g.patience)
	if refused != nil {
		g.log.Warn("the other nodes are not told of the trouble with a peer", "peer", g.peer, "error", refused)
	}
	return p.Rest, refused == nil
}

// open lets everybody through after a success, unless a pause has just begun, or it
// was another service that was refused: an archive that is too busy to send answers
// queries all the same.
func (g *gate) open(by dimse.Service) {
	if !g.opened(by) || g.troubles == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if _, err := g.troubles.Well(ctx, g.peer); err != nil {
		g.log.Warn("the other nodes are not told that a peer is well again", "peer", g.peer, "error", err)
	}
}

func (g *gate) opened(by dimse.Service) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shuts == 0 || time.Now().Before(g.until) || g.refused != "" && g.refused != by {
		return false
	}
	g.log.Info("it takes and answers again", "peer", g.peer, "pauses", g.shuts)
	g.shuts, g.refused, g.cause = 0, "", nil
	g.tell()
	return true
}

// reached says that an association was opened; where the peer had been away, that
// is all that was waited for.
func (g *gate) reached() {
	g.mu.Lock()
	was := g.refused == ""
	g.mu.Unlock()
	if was {
		g.open("")
	}
}

// tell wakes those who wait. The caller holds the lock.
func (g *gate) tell() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// refusedByPeer fits errors that mean a PACS as a whole: the service that it was too
// busy for, or "" where it cannot be associated with.
func refusedByPeer(service dimse.Service, err error) (refused dimse.Service, is bool) {
	if away(err) {
		return "", true
	}
	return service, busyPeer(err)
}

// room is what a full spool, or a full ledger, is waited for at: one study at a time
// tries, until one has found room.
const room dimse.Service = "room"

// noRoom fits errors of taking something in for which a study is not to blame: the spool
// is full, or the ledger in which it would be noted.
func noRoom(err error) bool { return errors.Is(err, spool.ErrFull) || ledgerAway(err) }

// newRoom is the gate in front of what a node fetches: its spool, and what it notes of it.
func newRoom(patience staging.Patience, log *slog.Logger) *gate {
	g := newGate("spool", patience, nil, log)
	g.refuses = func(_ dimse.Service, err error) (dimse.Service, bool) {
		return room, errors.Is(err, spool.ErrFull) || ledgerAway(err)
	}
	return g
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
