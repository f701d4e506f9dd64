package dimse

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// Server accepts associations and gives their requests to handlers. The zero
// value answers C-ECHO from anybody. Its fields must not change while Serve
// runs.
type Server struct {
	// AETitle, when set, is the only called title that is admitted; others are
	// rejected 1/1/7.
	AETitle string
	// Admit decides who may associate; nil admits all. A *RejectError is sent as
	// it is (RejectCallingAE, RejectCalledAE …), any other error as 1/1/1.
	Admit func(AssociateRequest) error
	// AcceptContext chooses the transfer syntax of a presentation context, or
	// refuses it. nil accepts the classes there are handlers for, where every
	// class that is neither verification nor query/retrieve counts as storage,
	// private ones too, in the syntax that ChooseSyntax takes.
	AcceptContext func(Proposal) (transferSyntax string, ok bool)
	// Identify looks at the user identity of a peer that tells one, after Admit.
	// An error rejects as with Admit. The response is what Kerberos, SAML and JWT
	// want back (PS3.7 §D.3.3.7.2), else nil. Without it identities are for Admit,
	// and no peer is told that its own was accepted.
	Identify func(AssociateRequest) (response []byte, err error)
	// Extend answers a SOP class extended negotiation; nil, and a nil answer: no
	// support for any of the options.
	Extend   func(Proposal) []byte
	Handlers Handlers
	TLS      *tls.Config // nil: plain TCP
	MaxPDU   uint32      // longest P-DATA-TF we ask for; 0: 128 KiB
	// AsyncWindow is the number of operations a peer may have open at once where
	// it asks for more than one; 0: 16. Queries, retrievals, N-ACTION and
	// N-EVENT-REPORT are performed at once and answered as they end. Data sets
	// arrive one after another; their C-STOREs end so too, unless the handler is a
	// StoreReceiver.
	AsyncWindow uint16
	// MaxAssociations is the number of associations at once; those beyond are
	// rejected 2/3/2. 0: no limit.
	MaxAssociations int
	// MaxPerPeer is the number of associations at once of one calling title from
	// one address; likewise. 0: no limit.
	MaxPerPeer int
	// Grace is how long operations under way may go on when Serve is to end; 0:
	// 3 s.
	Grace    time.Duration
	Timeouts Timeouts
	Logger   *slog.Logger
}

// Handlers perform the operations peers ask for. What has no handler is not
// negotiated. They are called by several goroutines at once.
type Handlers struct {
	Echo  func(context.Context, *Request) Status // nil: always success
	Store StoreHandler
	Find  FindHandler
	Move  MoveHandler
	Get   GetHandler
	// Action performs N-ACTION: storage commitment by a CommitHandler, and
	// whatever AcceptContext lets in.
	Action ActionHandler
	// Event takes N-EVENT-REPORT: results of storage commitment by CommitResults.
	Event EventHandler
}

const (
	defaultGrace       = 3 * time.Second
	defaultAsyncWindow = 16
	// maxUnassociated bounds the connections that have not yet associated, or whose
	// association has ended, each of which may cost ARTIM of waiting;
	// maxUnassociatedOfHost those of one host, so that it cannot keep the others
	// out.
	maxUnassociated       = 2048
	maxUnassociatedOfHost = maxUnassociated / 2
	// acceptRetry is the pause after an accept that failed for want of
	// descriptors.
	acceptRetry = 50 * time.Millisecond
)

// serving is one run of Serve.
type serving struct {
	*Server
	log      *slog.Logger
	bad      *complaints
	timeouts Timeouts
	tasks    sync.WaitGroup

	mu           sync.Mutex
	closing      bool
	unassociated unassociated
	associations map[*Association]struct{}
	conns        map[net.Conn]*Association // nil: without an association
}

// Serve accepts associations from the listener until ctx ends; then it closes
// the listener, lets operations under way end within Grace, aborts the rest,
// and returns nil when everything it started has ended.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	run := &serving{
		Server: s, log: orDiscard(s.Logger), timeouts: s.Timeouts.withDefaults(),
		associations: make(map[*Association]struct{}), conns: make(map[net.Conn]*Association),
		unassociated: unassociated{of: make(map[string]int)},
	}
	run.bad = newComplaints(run.log)
	defer run.bad.tell()
	defer run.tasks.Wait()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	err := run.acceptAll(ctx, listener)
	run.shutdown()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("accept associations: %w", err)
}

// acceptAll returns when the listener fails for good or is closed.
func (s *serving) acceptAll(ctx context.Context, listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err == nil {
			s.start(conn)
			continue
		}
		var temporary interface{ Temporary() bool }
		if !errors.As(err, &temporary) || !temporary.Temporary() {
			return err
		}
		s.log.Warn("accept a connection", "error", err)
		select {
		case <-time.After(acceptRetry):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// start serves a connection in a goroutine of its own, unless there are too
// many that have not yet associated.
func (s *serving) start(conn net.Conn) {
	s.mu.Lock()
	begun := !s.closing && s.unassociated.begin(hostOf(conn.RemoteAddr()))
	if begun {
		s.conns[conn] = nil
	}
	s.mu.Unlock()
	if !begun {
		_ = conn.Close()
		return
	}
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		defer s.forget(conn)
		defer s.recovered(conn)
		s.serve(conn)
	}()
}

func (s *serving) recovered(conn net.Conn) {
	if p := recover(); p != nil {
		s.log.Error("panic in a connection", "peer", conn.RemoteAddr(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}

func (s *serving) forget(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.conns[conn]; a != nil {
		delete(s.associations, a)
	} else {
		s.unassociated.end(hostOf(conn.RemoteAddr()))
	}
	delete(s.conns, conn)
}

// serve negotiates and then runs an association to its end.
func (s *serving) serve(conn net.Conn) {
	a, ok := s.negotiate(conn)
	if !ok {
		return
	}
	s.log.Debug("association opened", "peer", a.peer.Addr, "calling", a.calling, "called", a.called)
	a.run()
	if err := a.cause(); errors.Is(err, ErrClosed) {
		s.log.Debug("association closed", "peer", a.peer.Addr, "calling", a.calling)
	} else {
		s.bad.add("association ended", a.peer.Addr, "calling", a.calling, "error", err)
	}
}

// admit counts an association in, or says that there are too many.
func (s *serving) admit(a *Association) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.MaxAssociations > 0 && len(s.associations) >= s.MaxAssociations ||
		s.MaxPerPeer > 0 && s.ofPeer(a) >= s.MaxPerPeer {
		return false
	}
	s.associations[a] = struct{}{}
	s.conns[a.link.base] = a
	s.unassociated.end(hostOf(a.peer.Addr))
	return true
}

// dismiss no longer counts an association; its connection counts as one without.
func (s *serving) dismiss(a *Association) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[a.link.base] != a {
		return
	}
	delete(s.associations, a)
	s.conns[a.link.base] = nil
	s.unassociated.add(hostOf(a.peer.Addr))
}

// ofPeer counts the associations of the same peer. It runs with mu held.
func (s *serving) ofPeer(a *Association) (n int) {
	host := hostOf(a.peer.Addr)
	for other := range s.associations {
		if other.calling == a.calling && hostOf(other.peer.Addr) == host {
			n++
		}
	}
	return n
}

// shutdown ends everything: at once what is idle, after Grace the rest.
func (s *serving) shutdown() {
	s.mu.Lock()
	s.closing = true
	for conn, a := range s.conns {
		if a == nil {
			_ = conn.Close()
		}
	}
	open := make([]*Association, 0, len(s.associations))
	for a := range s.associations {
		open = append(open, a)
	}
	s.mu.Unlock()
	for _, a := range open {
		go a.drain()
	}
	grace := time.NewTimer(cmp.Or(s.Grace, defaultGrace))
	defer grace.Stop()
	for _, a := range open {
		select {
		case <-a.done:
		case <-grace.C:
			grace.Reset(0)
			a.fail(errShutdown)
		}
	}
}
