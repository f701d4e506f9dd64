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
	receive func(fd uintptr) bool // in, as the RawConn wants it; made once, since each would be an allocation
	send    func(fd uintptr) bool
}

// transfer is a read or write under way.
type transfer struct {
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
	q := &quickConn{TCPConn: tcp, raw: raw}
	q.receive, q.send = q.readFrom, q.writeTo
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
	q.in = transfer{p: p}
	err := q.raw.Read(q.receive)
	q.in.p = nil
	n := q.in.n
	switch {
	case err != nil:
		return 0, q.failed("read", err)
	case q.in.errno != 0:
		return 0, q.failed("read", os.NewSyscallError("read", q.in.errno))
	case n == 0:
		return 0, io.EOF
	case n < len(p):
		_ = q.raw.Control(arm)
	}
	return n, nil
}

func (q *quickConn) readFrom(fd uintptr) (done bool) {
	t := &q.in
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&t.p[0])), uintptr(len(t.p)))
		switch errno {
		case 0:
			t.n = int(n)
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.errno = errno
			return true
		}
	}
}

// Write writes all of p, or fails.
func (q *quickConn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	q.out = transfer{p: p}
	err := q.raw.Write(q.send)
	q.out.p = nil
	switch {
	case err != nil:
		err = q.failed("write", err)
	case q.out.errno != 0:
		err = q.failed("write", os.NewSyscallError("write", q.out.errno))
	}
	return q.out.n, err
}

func (q *quickConn) writeTo(fd uintptr) (done bool) {
	t := &q.out
	for t.n < len(t.p) {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&t.p[t.n])), uintptr(len(t.p)-t.n))
		switch errno {
		case 0:
			t.n += int(n)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.errno = errno
			return true
		}
	}
	return true
}

// failed words an error as package net does.
func (q *quickConn) failed(op string, err error) error {
	var raw *net.OpError
	if errors.As(err, &raw) {
		err = raw.Err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: q.LocalAddr(), Addr: q.RemoteAddr(), Err: err}
}
