package dimse

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// abortTime is how long an A-ABORT may take to leave.
	abortTime = time.Second
	// patienceStep is how much must arrive within one patience: a peer that
	// dribbles is cut, a slow line is not.
	patienceStep = 128 << 10
	// pauseNoticed is the shortest pause of the consumer that is given back to
	// the peer's patience.
	pauseNoticed = 100 * time.Millisecond
)

// link is a connection with deadlines: a patience for what is read, a time-out
// for every write.
type link struct {
	net.Conn
	base         net.Conn // the accepted connection under TLS and quickAck
	writeTimeout time.Duration

	mu       sync.Mutex
	patience time.Duration // 0: wait without end
	deadline time.Time     // of what is being read
	final    bool          // deadline was set for good by closeBy
	touched  time.Time     // end of the last read
	got      int           // bytes since the patience began

	ending  atomic.Bool // last has been called
	writing sync.Mutex
	waited  time.Duration // in writes, for the peer to take the next patienceStep bytes
	sent    int           // of those
	torn    bool          // a write ended in the middle of a PDU, or had no room for any of it
	over    bool          // last has been said
}

func newLink(conn net.Conn, writeTimeout time.Duration) *link {
	return &link{Conn: conn, writeTimeout: writeTimeout}
}

// expect begins a new patience: what is being waited for must arrive within d.
func (l *link) expect(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.final || d == 0 && l.patience == 0 {
		return
	}
	l.patience = d
	l.restart(time.Now())
}

// closeBy sets the last deadline: nothing after it puts it off again.
func (l *link) closeBy(deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.final && deadline.After(l.deadline) {
		return
	}
	l.final, l.deadline = true, deadline
	_ = l.SetReadDeadline(deadline)
}

// restart gives the full patience from now on.
func (l *link) restart(now time.Time) {
	l.got, l.touched, l.deadline = 0, now, time.Time{}
	if l.patience > 0 {
		l.deadline = now.Add(l.patience)
	}
	_ = l.SetReadDeadline(l.deadline)
}

// Read counts against the patience only the time spent waiting for the peer.
func (l *link) Read(p []byte) (int, error) {
	l.resume()
	n, err := l.Conn.Read(p)
	l.progress(n)
	return n, err
}

// resume moves the deadline by the time the consumer took.
func (l *link) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.final || l.patience == 0 {
		return
	}
	if pause := time.Since(l.touched); pause > pauseNoticed {
		l.deadline = l.deadline.Add(pause)
		_ = l.SetReadDeadline(l.deadline)
	}
}

func (l *link) progress(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.final || l.patience == 0 {
		return
	}
	l.touched = time.Now()
	if l.got += n; l.got >= patienceStep {
		l.restart(l.touched)
	}
}

// Write sends whole PDUs.
func (l *link) Write(p []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.over {
		return 0, ErrClosed
	}
	return l.write(p, l.writeTimeout)
}

// write runs with writing held.
func (l *link) write(p []byte, timeout time.Duration) (int, error) {
	begun := time.Now()
	_ = l.SetWriteDeadline(begun.Add(timeout - l.waited))
	if l.ending.Load() {
		_ = l.SetWriteDeadline(begun.Add(abortTime))
	}
	n, err := l.Conn.Write(p)
	l.waited += time.Since(begun)
	if l.sent += n; l.sent >= patienceStep {
		l.sent, l.waited = 0, 0
	}
	if err != nil {
		l.torn = l.torn || n > 0 || isTimeout(err)
		l.resetOnClose()
	}
	return n, err
}

// resetOnClose makes the kernel drop what a peer does not take: else the data
// and the socket would outlive the association behind a closed window.
func (l *link) resetOnClose() {
	conn := l.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
}

// last sends p, waiting only a moment for a write under way, and lets nothing
// follow it. Behind half a PDU it is not sent: it would be taken for its rest.
func (l *link) last(p []byte) {
	l.ending.Store(true)
	_ = l.SetWriteDeadline(time.Now().Add(abortTime))
	l.writing.Lock()
	defer l.writing.Unlock()
	if !l.over && !l.torn {
		_, _ = l.write(p, l.waited+abortTime)
	}
	l.over = true
}
