package dimse_test

import (
	"net"
	"sync"
)

// pipes is a listener whose connections are in memory.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), ended: make(chan struct{})} }

// dial connects; closed tells when the other side has closed the connection.
func (p *pipes) dial() (conn net.Conn, closed <-chan struct{}) {
	ours, theirs := net.Pipe()
	other := &closing{Conn: theirs, closed: make(chan struct{})}
	p.conns <- other
	return ours, other.closed
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.ended) })
	return nil
}

func (p *pipes) Addr() net.Addr { return new(net.TCPAddr) }

// closing tells when its connection is closed on this side.
type closing struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *closing) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
