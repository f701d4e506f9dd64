package dimse

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// quickConn acknowledges at once what it reads. A peer that leaves Nagle's
// algorithm on holds the second half of every message back until the first is
// acknowledged; with the kernel's delayed acknowledgement that is 40 ms a
// message. Linux takes TCP_QUICKACK back by itself, so that it is set again
// around each read that emptied the socket.
//
// It reads and writes by system calls that Go's scheduler is not told of: the socket
// never blocks, but the call for a long PDU, which on one machine does the receiver's
// work as well, takes long enough that the scheduler would give the processor to
// another thread, and take it back, for most of them.
//
// It is for one reader and one writer at a time.
type quickConn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out transfer
}

// transfer is one direction of a connection, and the read or write under way in it.
type transfer struct {
	op    string // as package net calls it
	call  uintptr
	whole bool // all of p is to be carried, not just what there is

	await   func(attempt func(fd uintptr) bool) error // attempts whenever the socket is ready, until it is done
	attempt func(fd uintptr) bool                     // step; made once, since each would be an allocation

	p     []byte
	n     int
	errno syscall.Errno
}

// quickAck wraps TCP connections; others are returned as they are.
func quickAck(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	q := &quickConn{TCPConn: tcp, raw: raw,
		in:  transfer{op: "read", call: syscall.SYS_READ, await: raw.Read},
		out: transfer{op: "write", call: syscall.SYS_WRITE, await: raw.Write, whole: true}}
	q.in.attempt, q.out.attempt = q.in.step, q.out.step
	_ = raw.Control(arm)
	if onThisMachine(tcp) {
		_ = raw.Control(doNotPace)
	}
	return q
}

func arm(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }

// onThisMachine tells that a connection crosses no network.
func onThisMachine(conn *net.TCPConn) bool {
	local, ok := conn.LocalAddr().(*net.TCPAddr)
	remote, also := conn.RemoteAddr().(*net.TCPAddr)
	return ok && also && (remote.IP.IsLoopback() || remote.IP.Equal(local.IP))
}

// doNotPace has a socket send as fast as the peer takes. Where the system's
// congestion control is BBR it spreads by timers what is sent, even when there is no
// network between, which costs half of the throughput and twice the CPU. Every Linux has
// "reno", and every user may choose it.
func doNotPace(fd uintptr) {
	_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
}

// Read re-arms after a read that took everything there was: only then can the
// peer be waiting for the acknowledgement.
func (q *quickConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := q.carry(&q.in, p)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	case n < len(p):
		_ = q.raw.Control(arm)
	}
	return n, nil
}

// Write writes all of p, or fails.
func (q *quickConn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return q.carry(&q.out, p)
}

// carry has p read or written.
func (q *quickConn) carry(t *transfer, p []byte) (int, error) {
	t.p, t.n, t.errno = p, 0, 0
	err := t.await(t.attempt)
	t.p = nil
	if err == nil && t.errno != 0 {
		err = os.NewSyscallError(t.op, t.errno)
	}
	if err != nil {
		err = q.failed(t.op, err)
	}
	return t.n, err
}

// step goes as far as the socket lets it.
func (t *transfer) step(fd uintptr) (done bool) {
	for {
		synchronise(t.call, int(fd))
		n, _, errno := syscall.RawSyscall(t.call, fd, uintptr(unsafe.Pointer(&t.p[t.n])), uintptr(len(t.p)-t.n))
		synchronise(t.call, int(fd))
		switch errno {
		case 0:
			if t.n += int(n); t.n == len(t.p) || !t.whole {
				return true
			}
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.errno = errno
			return true
		}
	}
}

// failed words an error as package net does.
func (q *quickConn) failed(op string, err error) error {
	var raw *net.OpError
	if errors.As(err, &raw) {
		err = raw.Err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: q.LocalAddr(), Addr: q.RemoteAddr(), Err: err}
}
