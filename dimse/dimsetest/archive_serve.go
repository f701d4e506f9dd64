package dimsetest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

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
	return &dimse.Server{
		AETitle:       s.AE,
		Admit:         s.admit,
		AcceptContext: s.accept,
		Handlers:      dimse.Handlers{Store: s, Find: s, Move: s, Get: s},
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

// accept takes every SOP class in the first transfer syntax proposed, except
// that of the uncompressed ones explicit VR little endian is best.
func (s *service) accept(p dimse.Proposal) (string, bool) {
	s.mu.Lock()
	refuse := s.faults.Association.RefuseContext
	s.mu.Unlock()
	syntaxes := slices.DeleteFunc(slices.Clone(p.TransferSyntaxes), func(ts string) bool {
		return refuse != nil && refuse(p.SOPClass, ts)
	})
	if len(syntaxes) == 0 {
		return "", false
	}
	first := syntaxes[0]
	if (first == uid.ImplicitLE || first == uid.ExplicitBE) && slices.Contains(syntaxes, uid.ExplicitLE) {
		return uid.ExplicitLE, true
	}
	return first, true
}

// connections remembers the connections of a listener by their peer's address,
// so that a fault can cut one.
type connections struct {
	net.Listener
	mu   sync.Mutex
	open map[string]net.Conn
}

// Accept waits for the next connection.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn.RemoteAddr().String()] = conn
	return &tracked{Conn: conn, all: c}, nil
}

// cut resets the connection of a peer.
func (c *connections) cut(peer fmt.Stringer) {
	c.mu.Lock()
	conn := c.open[peer.String()]
	c.mu.Unlock()
	if conn != nil {
		reset(conn)
	}
}

// tracked is a connection that takes itself off the list when it is closed.
type tracked struct {
	net.Conn
	all *connections
}

// Close closes the connection.
func (t *tracked) Close() error {
	t.all.mu.Lock()
	delete(t.all.open, t.RemoteAddr().String())
	t.all.mu.Unlock()
	return t.Conn.Close()
}
