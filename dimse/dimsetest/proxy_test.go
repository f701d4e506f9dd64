package dimsetest_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pacsbridge/dimse/dimsetest"
)

// soon bounds what should happen at once, and shortly what should not happen at all.
const soon, shortly = 30 * time.Second, 100 * time.Millisecond

func TestSoundLinkCarriesBothWays(t *testing.T) {
	conn := dial(t, link(t, dimsetest.LinkFault{}))
	text := strings.Repeat("to and fro ", 20_000)
	go func() {
		io.WriteString(conn, text)
		conn.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(conn); err != nil || string(got) != text {
		t.Errorf("%d of %d bytes came back: %v", len(got), len(text), err)
	}
}

func TestFaultsStrikeWhereTheyShould(t *testing.T) {
	for name, c := range map[string]struct {
		fault dimsetest.LinkFault
		back  string // what comes back of the ten bytes sent
		ends  func(error) bool
	}{
		"refuse":         {dimsetest.LinkFault{Kind: dimsetest.Refuse}, "", isReset},
		"cut on the way": {dimsetest.LinkFault{Kind: dimsetest.Cut, After: 4}, "0123", isEnd},
		"cut the answer": {dimsetest.LinkFault{Kind: dimsetest.Cut, Direction: dimsetest.FromTarget, After: 4}, "0123", isEnd},
		"reset":          {dimsetest.LinkFault{Kind: dimsetest.Reset, After: 4}, "0123", isReset},
		"stall":          {dimsetest.LinkFault{Kind: dimsetest.Stall, Direction: dimsetest.FromTarget, After: 7}, "0123456", isTimeout},
		"swallow":        {dimsetest.LinkFault{Kind: dimsetest.Swallow, Direction: dimsetest.FromTarget, After: 2}, "01", isTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			l := link(t, c.fault)
			conn, err := net.Dial("tcp", l.Address())
			if err != nil {
				if !c.ends(err) {
					t.Fatal(err)
				}
				return // refused while it was being made
			}
			defer conn.Close()
			_, werr := io.WriteString(conn, "0123456789")
			back, err := readBack(conn, len(c.back), c.fault.Kind == dimsetest.Stall || c.fault.Kind == dimsetest.Swallow)
			if err == nil {
				err = werr // the reset was told to the writer already
			}
			if !strings.HasPrefix(c.back, string(back)) || !c.ends(err) {
				t.Errorf("%q came back, then %v; want %q", back, err, c.back)
			}
			eventually(t, func() bool { made, struck := l.Connections(); return made == 1 && struck == 1 })
		})
	}
}

// readBack reads to the end. On a link that keeps silent it waits only shortly
// for more than n bytes.
func readBack(conn net.Conn, n int, silent bool) (back []byte, err error) {
	conn.SetReadDeadline(time.Now().Add(soon))
	if silent {
		back = make([]byte, n)
		if got, err := io.ReadFull(conn, back); err != nil {
			return back[:got], err
		}
		conn.SetReadDeadline(time.Now().Add(shortly))
	}
	more, err := io.ReadAll(conn)
	return append(back, more...), err
}

func TestPlanNamesTheFaultOfEachConnection(t *testing.T) {
	l := link(t, dimsetest.LinkFault{})
	l.SetPlan(func(n int) dimsetest.LinkFault {
		if n == 0 {
			return dimsetest.LinkFault{Kind: dimsetest.Cut}
		}
		return dimsetest.LinkFault{}
	})
	first := dial(t, l)
	io.WriteString(first, "x")
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Error("the first connection was not cut")
	}
	second := dial(t, l)
	io.WriteString(second, "x")
	if _, err := io.ReadFull(second, make([]byte, 1)); err != nil {
		t.Errorf("the second connection: %v", err)
	}
	l.Break()
	if _, err := second.Read(make([]byte, 1)); !isReset(err) {
		t.Errorf("the broken connection: %v", err)
	}
}

func isEnd(err error) bool   { return err == nil || isReset(err) }
func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// link is a faulty link to a server that sends back what it gets.
func link(t *testing.T, fault dimsetest.LinkFault) *dimsetest.Link {
	t.Helper()
	l, err := dimsetest.NewLink(echoServer(t), func(int) dimsetest.LinkFault { return fault })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *dimsetest.Link) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(soon))
	t.Cleanup(func() { conn.Close() })
	return conn
}

func echoServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}
