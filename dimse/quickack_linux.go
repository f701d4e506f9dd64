package dimse

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// quickConn acknowledges at once what it reads. A peer that leaves Nagle's
// algorithm on holds the second half of every message back until the first is
// acknowledged; with the kernel's delayed acknowledgement that is 40 ms a
// message. Linux takes TCP_QUICKACK back by itself, so that it is set again
// around each read that emptied the socket.
type quickConn struct {
	*net.TCPConn
	raw syscall.RawConn
	arm func(fd uintptr)
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
	q := &quickConn{TCPConn: tcp, raw: raw, arm: func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	}}
	_ = raw.Control(q.arm)
	return q
}

// Read re-arms after a read that took everything there was: only then can the
// peer be waiting for the acknowledgement.
func (q *quickConn) Read(p []byte) (int, error) {
	n, err := q.TCPConn.Read(p)
	if n > 0 && n < len(p) {
		_ = q.raw.Control(q.arm)
	}
	return n, err
}
