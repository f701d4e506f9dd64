package dimse

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connected returns the two ends of a TCP connection, of which wrap makes the first.
func connected(t *testing.T, wrap func(net.Conn) net.Conn) (ours net.Conn, theirs *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return wrap(dialled), accepted.(*net.TCPConn)
}

// TestQuickConnFailsAsPackageNetDoes compares the errors with those of a plain
// connection: what they are decides whether a study is tried again.
func TestQuickConnFailsAsPackageNetDoes(t *testing.T) {
	buffer := make([]byte, 64<<10)
	for name, fail := range map[string]func(ours net.Conn, theirs *net.TCPConn) error{
		"end": func(ours net.Conn, theirs *net.TCPConn) error {
			theirs.Close()
			_, err := ours.Read(buffer)
			return err
		},
		"reset": func(ours net.Conn, theirs *net.TCPConn) error {
			theirs.SetLinger(0)
			theirs.Close()
			_, err := ours.Read(buffer)
			return err
		},
		"read after closing": func(ours net.Conn, _ *net.TCPConn) error {
			ours.Close()
			_, err := ours.Read(buffer)
			return err
		},
		"write after closing": func(ours net.Conn, _ *net.TCPConn) error {
			ours.Close()
			_, err := ours.Write(buffer)
			return err
		},
		"nothing comes in time": func(ours net.Conn, _ *net.TCPConn) error {
			ours.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := ours.Read(buffer)
			return err
		},
		"nobody reads in time": func(ours net.Conn, _ *net.TCPConn) error {
			ours.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
			for {
				if n, err := ours.Write(buffer); err != nil {
					if n >= len(buffer) {
						t.Errorf("a write of %d bytes that failed says it has written %d", len(buffer), n)
					}
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain, far := connected(t, func(c net.Conn) net.Conn { return c })
			want := fail(plain, far)
			quick, far := connected(t, quickAck)
			got := fail(quick, far)
			if got == nil || isTimeout(got) != isTimeout(want) || kind(got, quick) != kind(want, plain) {
				t.Errorf("%v, want as %v", got, want)
			}
		})
	}
}

// kind is an error without the addresses of its connection.
func kind(err error, conn net.Conn) string {
	text := []byte(err.Error())
	for _, address := range []net.Addr{conn.LocalAddr(), conn.RemoteAddr()} {
		if address != nil {
			text = bytes.ReplaceAll(text, []byte(address.String()), []byte("-"))
		}
	}
	return string(text)
}

// TestQuickConnWritesAllOfMoreThanFits sends more at once than a socket holds.
func TestQuickConnWritesAllOfMoreThanFits(t *testing.T) {
	ours, theirs := connected(t, quickAck)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	done := make(chan error, 1)
	go func() {
		n, err := ours.Write(sent)
		if err == nil && n != len(sent) {
			err = io.ErrShortWrite
		}
		ours.Close()
		done <- err
	}()
	got, err := io.ReadAll(theirs)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes came whole, %v", len(got), len(sent), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestNothingIsPacedOnThisMachine asks the kernel what it was told.
func TestNothingIsPacedOnThisMachine(t *testing.T) {
	ours, _ := connected(t, quickAck)
	var control string
	var err error
	if rawErr := ours.(*quickConn).raw.Control(func(fd uintptr) {
		control, err = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	}); rawErr != nil || err != nil {
		t.Fatal(rawErr, err)
	}
	if control = strings.TrimRight(control, "\x00"); control != "reno" {
		t.Errorf("the congestion control of a connection on loopback is %q", control)
	}
}

// TestWhatCameBeforeAWriteIsSeenAfterTheRead is for the race detector, which must take a
// connection for what orders its two ends, as it takes one of package net.
func TestWhatCameBeforeAWriteIsSeenAfterTheRead(t *testing.T) {
	asItIs := func(c net.Conn) net.Conn { return c }
	for name, ends := range map[string][2]func(net.Conn) net.Conn{
		"both ends ours":      {quickAck, quickAck},
		"ours to package net": {quickAck, asItIs},
		"package net to ours": {asItIs, quickAck},
	} {
		t.Run(name, func(t *testing.T) {
			from, far := connected(t, ends[0])
			to := ends[1](far)
			var written string
			read := make(chan string)
			go func() {
				if _, err := to.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
				read <- written
			}()
			written = "before"
			if _, err := from.Write([]byte{1}); err != nil {
				t.Error(err)
			}
			if got := <-read; got != "before" {
				t.Errorf("after the read the other end has written %q", got)
			}
		})
	}
}
