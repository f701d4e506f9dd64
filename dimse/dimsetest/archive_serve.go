package dimsetest

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"pacsbridge/dimse"
)

// closeGrace is how long what is under way may go on when the archive closes.
const closeGrace = 200 * time.Millisecond

// service is an archive while it runs: what its handlers need besides.
type service struct {
	*Archive
	ctx   context.Context // ends when the archive is closed
	conns *connections
}

var (
	_ dimse.StoreHandler = (*service)(nil)
	_ dimse.FindHandler  = (*service)(nil)
	_ dimse.MoveHandler  = (*service)(nil)
	_ dimse.GetHandler   = (*service)(nil)
)

func (s *service) server() *dimse.Server {
	handlers := dimse.Handlers{Store: s, Find: s, Move: s, Get: s}
	if s.Commits {
		handlers.Action = dimse.CommitHandler(s.commit)
	}
	return &dimse.Server{
		AETitle:       s.AE,
		Admit:         s.admit,
		AcceptContext: s.accept,
		Handlers:      handlers,
		Grace:         closeGrace,
		Timeouts:      s.Timeouts,
		Logger:        s.Logger,
	}
}

// admit admits everybody, unless a fault says otherwise.
func (s *service) admit(request dimse.AssociateRequest) error {
	s.mu.Lock()
	s.counts.Associations++
	s.mu.Unlock()
	n, faults := s.times("", "")
	if admit := faults.Association.Admit; admit != nil {
		return admit(n, request)
	}
	return nil
}

// accept takes every SOP class in the best transfer syntax proposed, unless a
// fault refuses it.
func (s *service) accept(p dimse.Proposal) (string, bool) {
	s.mu.Lock()
	refuse := s.faults.Association.RefuseContext
	s.mu.Unlock()
	syntax := dimse.ChooseSyntax(slices.DeleteFunc(slices.Clone(p.TransferSyntaxes), func(ts string) bool {
		return refuse != nil && refuse(p.SOPClass, ts)
	}))
	return syntax, syntax != ""
}

// connections remembers the connections of a listener by their peer's address,
// so that a fault can cut one.
type connections struct {
	net.Listener
	mu   sync.Mutex
	open map[string]*net.TCPConn
}

// Accept waits for the next connection, and forgets those that were closed.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.open, func(_ string, conn *net.TCPConn) bool { return closed(conn) })
	if tcp, ok := conn.(*net.TCPConn); ok {
		c.open[conn.RemoteAddr().String()] = tcp
	}
	return conn, nil
}

// closed tells whether our side has closed the connection.
func closed(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	return err != nil || raw.Control(func(uintptr) {}) != nil
}

// cut resets the connection of a peer.
func (c *connections) cut(peer net.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn := c.open[peer.String()]; conn != nil {
		reset(conn)
	}
}
