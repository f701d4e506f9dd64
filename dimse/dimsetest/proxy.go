package dimsetest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// FaultKind says what a faulty link does to a connection.
type FaultKind int

// What a faulty link can do.
const (
	NoFault FaultKind = iota
	Refuse            // resets the connection as soon as it is made
	Cut               // closes both sides in good order (FIN)
	Reset             // closes both sides at once (RST), as a crashed host does
	Stall             // stops carrying bytes and keeps the connection open
	Swallow           // goes on taking bytes, and loses them
)

// Direction is one of the two ways through a link.
type Direction int

// The two ways through a link.
const (
	ToTarget   Direction = iota // what the dialling side sends
	FromTarget                  // what the target answers
)

// A LinkFault strikes one connection once After bytes have gone in Direction.
type LinkFault struct {
	Kind      FaultKind
	Direction Direction
	After     int64
}

// A Link is a TCP proxy that misbehaves by plan: the faulty network between
// two peers.
type Link struct {
	listener net.Listener
	target   string
	quit     chan struct{}
	running  sync.WaitGroup

	mu     sync.Mutex
	plan   func(connection int) LinkFault
	count  int
	struck int
	open   map[*carried]struct{}
	closed bool
}

// NewLink listens on a free loopback port and carries every connection to
// target. The plan names the fault of each connection, counted from 0; without
// a plan the link is sound.
func NewLink(target string, plan func(connection int) LinkFault) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", target, err)
	}
	l := &Link{listener: listener, target: target, quit: make(chan struct{}), open: map[*carried]struct{}{}}
	l.SetPlan(plan)
	l.running.Go(l.accept)
	return l, nil
}

// Address is where the link listens.
func (l *Link) Address() string { return l.listener.Addr().String() }

// SetPlan gives connections made from now on another plan; nil makes the link sound.
func (l *Link) SetPlan(plan func(connection int) LinkFault) {
	if plan == nil {
		plan = func(int) LinkFault { return LinkFault{} }
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan = plan
}

// Connections counts the connections made so far, and those whose fault has struck.
func (l *Link) Connections() (made, struck int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count, l.struck
}

// Break resets all connections that are open now, as a router does that restarts.
func (l *Link) Break() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.struck.Store(true)
		c.reset()
	}
}

// Close stops the link, resets what is still open and waits for its goroutines.
func (l *Link) Close() error {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	if again {
		return nil
	}
	close(l.quit)
	err := l.listener.Close()
	l.Break()
	l.running.Wait()
	return err
}

func (l *Link) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		fault := l.plan(l.count)
		l.count++
		l.mu.Unlock()
		l.running.Go(func() { l.carry(conn, fault) })
	}
}

// carry moves the bytes of one connection both ways until both have ended.
func (l *Link) carry(client net.Conn, fault LinkFault) {
	c := &carried{link: l, fault: fault, client: client}
	defer client.Close()
	if fault.Kind == Refuse {
		c.strike(client)
		return
	}
	target, err := net.Dial("tcp", l.target)
	if err != nil {
		reset(client)
		return
	}
	defer target.Close()
	c.target = target
	if !l.register(c) {
		return
	}
	defer l.forget(c)
	var both sync.WaitGroup
	both.Go(func() { c.pump(target, client, ToTarget) })
	both.Go(func() { c.pump(client, target, FromTarget) })
	both.Wait()
}

// carried is one connection through a link.
type carried struct {
	link           *Link
	fault          LinkFault
	client, target net.Conn
	struck         atomic.Bool // the fault decides how it ends, not the pumps
}

// pump carries one direction until its source ends, and strikes if the fault is
// meant for this direction and its bytes have gone.
func (c *carried) pump(dst, src net.Conn, direction Direction) {
	defer func() {
		if !c.struck.Load() {
			closeWrite(dst)
		}
	}()
	mine := c.fault.Kind != NoFault && c.fault.Direction == direction
	left := c.fault.After
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		chunk := buf[:n]
		if mine {
			chunk = chunk[:min(int64(n), left)]
			left -= int64(len(chunk))
		}
		if _, werr := dst.Write(chunk); err != nil || werr != nil {
			return
		}
		if mine && left == 0 {
			c.strike(src)
			return
		}
	}
}

// strike lets the fault happen; src is where the bytes come from that it stops.
func (c *carried) strike(src net.Conn) {
	c.struck.Store(true)
	c.link.mu.Lock()
	c.link.struck++
	c.link.mu.Unlock()
	switch c.fault.Kind {
	case Refuse, Reset:
		c.reset()
	case Cut:
		c.client.Close()
		c.target.Close()
	case Stall:
		<-c.link.quit
	case Swallow:
		io.Copy(io.Discard, src)
	}
}

// reset ends both sides as if their hosts had crashed.
func (c *carried) reset() {
	reset(c.client)
	if c.target != nil {
		reset(c.target)
	}
}

// register notes an open connection, unless the link is closing.
func (l *Link) register(c *carried) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.open[c] = struct{}{}
	}
	return !l.closed
}

func (l *Link) forget(c *carried) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// reset closes a connection so that its peer sees RST instead of FIN.
func reset(conn net.Conn) error {
	var linger error
	if tcp, ok := conn.(*net.TCPConn); ok {
		linger = tcp.SetLinger(0)
	}
	return errors.Join(linger, conn.Close())
}

func closeWrite(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
}
