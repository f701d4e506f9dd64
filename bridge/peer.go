package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// PeerOptions says how to speak to one of the two PACS.
type PeerOptions struct {
	Name         string // "old" or "new", for messages
	Dialer       dimse.Dialer
	Associations int              // most associations open at once; 1 when zero
	Destination  string           // AE title that C-MOVE names: our own
	ListClasses  bool             // SOP classes are asked for with the instances of a study: archives may look into each file for them
	Patience     staging.Patience // with it when it is found busy or away; the usual one when zero
	Troubles     Troubles         // where other nodes learn of that; nil: nowhere
	Decompress   *Decompressor    // for what it takes in no other form; nil: that is refused
	Logger       *slog.Logger
}

// Peer is one of the two PACS as a service user sees it. It keeps at most
// Associations open, queries and retrieves over ones that stay open between
// studies, and is safe for use by several goroutines.
type Peer struct {
	PeerOptions
	places *places
	gate   *gate

	moves        atomic.Bool // has answered a C-MOVE otherwise than with Cxxx
	suspected    atomic.Bool // of not knowing us as a move destination
	hierarchical atomic.Bool // refuses to list the instances of a study at once

	mu   sync.Mutex
	idle []*dimse.Association
	open int // associations open or being opened, idle ones included
}

var (
	_ Finder        = (*Peer)(nil)
	_ CountedLister = (*Peer)(nil)
	_ Source        = (*Peer)(nil)
	_ Target        = (*Peer)(nil)
)

// NewPeer returns a peer that dials when it is first asked something.
func NewPeer(o PeerOptions) *Peer {
	o.Associations = max(o.Associations, 1)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Peer{PeerOptions: o, places: newPlaces(o.Associations), gate: newGate(o.Name, patienceOr(o.Patience), o.Troubles, o.Logger)}
}

// PeerError is what went wrong between us and one of the two PACS.
type PeerError struct {
	Peer string // "old" or "new"
	AE   string
	Err  error
}

func (e *PeerError) Error() string { return fmt.Sprintf("%s PACS %s: %v", e.Peer, e.AE, e.Err) }

// Unwrap returns the answer of the peer or the fault of the network.
func (e *PeerError) Unwrap() error { return e.Err }

// Echo verifies that the peer answers (C-ECHO, PS3.4 annex A), pause or not.
func (p *Peer) Echo(ctx context.Context) error {
	return p.inPlace(ctx, true, func() error {
		return p.use(ctx, contexts(forQueries), false, func(a *dimse.Association) error { return a.Echo(ctx) })
	})
}

// Close releases the associations that are kept open.
func (p *Peer) Close(ctx context.Context) error { return p.releaseIdle(ctx) }

// releaseIdle ends the associations that nobody uses, so that the next is fresh.
func (p *Peer) releaseIdle(ctx context.Context) error {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.open -= len(idle)
	p.mu.Unlock()
	var errs []error
	for _, a := range idle {
		errs = append(errs, a.Release(ctx))
	}
	return errors.Join(errs...)
}

// What associations are opened for. One that was opened for more serves as well.
var (
	forQueries   = []string{uid.Verification, uid.StudyRootFind}
	forRetrieval = []string{uid.Verification, uid.StudyRootFind, uid.StudyRootMove}
)

// contexts proposes one presentation context a service.
func contexts(services []string) []dimse.Proposal {
	var proposals []dimse.Proposal
	for _, class := range services {
		proposals = append(proposals, dimse.Proposal{SOPClass: class, TransferSyntaxes: []string{uid.ExplicitLE, uid.ImplicitLE}})
	}
	return proposals
}

// with runs use, which asks for one service, on an association that proposes the given
// contexts. It waits while the peer is given a pause, and then for a free place.
func (p *Peer) with(ctx context.Context, service dimse.Service, proposals []dimse.Proposal, use func(*dimse.Association) error) error {
	leave, err := p.gate.enter(ctx, service)
	if err != nil {
		return err
	}
	err = p.inPlace(ctx, brief(service), func() error { return p.use(ctx, proposals, false, use) })
	leave(err)
	return err
}

// withFresh is with for those whom an association that was opened for more does not
// serve: one is opened for these contexts alone, and ended.
func (p *Peer) withFresh(ctx context.Context, service dimse.Service, proposals []dimse.Proposal, use func(*dimse.Association) error) error {
	leave, err := p.gate.enter(ctx, service)
	if err != nil {
		return err
	}
	err = p.inPlace(ctx, brief(service), func() error { return p.use(ctx, proposals, true, use) })
	leave(err)
	return err
}

// brief fits services that are over in a moment.
func brief(service dimse.Service) bool {
	return service != dimse.ServiceStore && service != dimse.ServiceMove && service != dimse.ServiceGet
}

// inPlace runs do when there is a free place for an association.
func (p *Peer) inPlace(ctx context.Context, brief bool, do func() error) error {
	if err := p.places.take(ctx, brief); err != nil {
		return err
	}
	defer p.places.give()
	return do()
}

// withWanted is with for those who can do without: it waits for a free place only as
// long as it is wanted, and for no pause.
func (p *Peer) withWanted(ctx, wanted context.Context, proposals []dimse.Proposal, use func(*dimse.Association) error) error {
	if p.places.take(wanted, false) != nil {
		return nil
	}
	defer p.places.give()
	if wanted.Err() != nil || !p.gate.isOpen() {
		return nil
	}
	return p.use(ctx, proposals, false, use)
}

func (p *Peer) use(ctx context.Context, proposals []dimse.Proposal, fresh bool, use func(*dimse.Association) error) error {
	a, err := p.take(ctx, proposals, fresh)
	if err != nil {
		return &PeerError{Peer: p.Name, AE: p.Dialer.CalledAE, Err: err}
	}
	err = use(a)
	if fresh {
		p.release(ctx, a)
		p.forget()
	} else {
		p.put(ctx, a)
	}
	if err != nil {
		return &PeerError{Peer: p.Name, AE: p.Dialer.CalledAE, Err: err}
	}
	return nil
}

// take returns an idle association that was opened for all the contexts and still
// answers, or a new one, always where it is to be fresh. Where all places are taken by idle ones that do not fit,
// one of them is released first.
func (p *Peer) take(ctx context.Context, proposals []dimse.Proposal, fresh bool) (*dimse.Association, error) {
	a, spare := p.reserve(proposals, fresh)
	if spare != nil {
		p.release(ctx, spare)
	}
	if a != nil {
		return a, nil
	}
	a, err := p.Dialer.Dial(ctx, proposals)
	if err != nil {
		p.forget()
		return nil, dialError{err}
	}
	p.gate.reached()
	return a, nil
}

// reserve takes an idle association that fits off the list. Without one it counts
// a new one as open, and names the one to release where that were too many.
func (p *Peer) reserve(proposals []dimse.Proposal, fresh bool) (fitting, spare *dimse.Association) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, a := range p.idle {
		if !fresh && a.Usable() && fits(a, proposals) {
			p.idle = slices.Delete(p.idle, i, i+1)
			return a, nil
		}
	}
	if p.open == p.Associations && len(p.idle) > 0 {
		spare = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		return nil, spare
	}
	p.open++
	return nil, nil
}

// put keeps an association for the next user, or ends it where it is past use.
func (p *Peer) put(ctx context.Context, a *dimse.Association) {
	if !a.Usable() || ctx.Err() != nil {
		p.release(ctx, a)
		p.forget()
		return
	}
	p.mu.Lock()
	p.idle = append(p.idle, a)
	p.mu.Unlock()
}

func (p *Peer) forget() {
	p.mu.Lock()
	p.open--
	p.mu.Unlock()
}

// release ends an association; one that is past use is aborted.
func (p *Peer) release(ctx context.Context, a *dimse.Association) {
	end := a.Abort
	if a.Usable() && ctx.Err() == nil {
		end = func() error { return a.Release(ctx) }
	}
	if err := end(); err != nil {
		p.Logger.Debug("end of association", "peer", p.Name, "error", err)
	}
}

// fits reports whether the association was opened for all these contexts.
func fits(a *dimse.Association, proposals []dimse.Proposal) bool {
	for _, want := range proposals {
		if len(a.Accepted(want.SOPClass)) == 0 {
			return false
		}
		if len(want.TransferSyntaxes) == 1 {
			if _, ok := a.Context(want.SOPClass, want.TransferSyntaxes[0]); !ok {
				return false
			}
		}
	}
	return true
}
