package dimse_test

import (
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pacsbridge/dimse"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// fullSize says whether the attacks run at the size that the figures are
// measured at, which takes minutes: PACSBRIDGE_HOSTILE=full.
func fullSize() bool { return os.Getenv("PACSBRIDGE_HOSTILE") == "full" }

const mib = 1 << 20

// holding are the ways to hold a connection without using it, before an
// association and in one.
var holding = []struct {
	name       string
	associated bool
	fills      bool // its send buffer first
	keep       func(*script)
}{
	{name: "says nothing", keep: func(*script) {}},
	{name: "dribbles", keep: func(s *script) { go s.dribble() }},
	{name: "stops inside a PDU", keep: func(s *script) { s.sendBytes([]byte{1, 0, 0, 0, 2, 0, 0, 1}) }},
	{name: "idles", associated: true, keep: func(*script) {}},
	{name: "stops inside a C-STORE", associated: true, keep: func(s *script) { s.command(3, storeRQ(1)); s.data(3, false, pattern(5000)) }},
	{name: "closes its window", associated: true, fills: true, keep: func(s *script) { s.closeWindow() }},
}

func (s *script) associate() {
	s.send(request())
	if _, ok := s.receive().(*pdu.AssociateAC); !ok {
		s.t.Error("no association")
	}
}

// dribble sends an association request a byte a second.
func (s *script) dribble() {
	b, _ := request().AppendTo(nil)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range b {
		if _, err := s.conn.Write(b[i : i+1]); err != nil {
			return
		}
		<-tick.C
	}
}

// closeWindow asks for endless answers and reads none.
func (s *script) closeWindow() {
	s.command(5, dimse.Command{Field: dimse.CFindRQ, MessageID: 2, AffectedClass: uid.StudyRootFind, HasData: true})
	s.data(5, true, nil)
}

// held tells how long the longest connection of each kind lasted.
type held map[string]time.Duration

// hold makes n connections of each kind. When the server has ended all of them
// it tells how long they lasted.
func hold(t *testing.T, address string, n int, patience time.Duration) <-chan held {
	t.Helper()
	var open sync.WaitGroup
	var mu sync.Mutex
	longest := held{}
	for _, kind := range holding {
		for range n {
			s := narrow(t, address)
			_ = s.conn.SetDeadline(time.Now().Add(patience))
			begun := time.Now()
			if kind.associated {
				s.associate()
				begun = time.Now()
			}
			kind.keep(s)
			open.Go(func() {
				s.untilGone()
				mu.Lock()
				defer mu.Unlock()
				longest[kind.name] = max(longest[kind.name], time.Since(begun))
			})
		}
	}
	gone := make(chan held, 1)
	go func() { open.Wait(); gone <- longest }()
	return gone
}

// narrow connects with a receive window that is soon full.
func narrow(t *testing.T, address string) *script {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &script{t: t, conn: conn}
}

// untilGone asks the kernel for the state of the connection, since reading would
// open the window.
func (s *script) untilGone() {
	raw, err := s.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		s.t.Error(err)
		return
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ended(raw) {
		<-tick.C
	}
	_ = s.conn.Close()
}

func TestConnectionsThatAreHeldCostNothingInTheEnd(t *testing.T) {
	n, artim, idle := 10, time.Second, 2*time.Second
	if raceDetector { // the server must not take its own slowness for that of its peers
		artim, idle = 4*time.Second, 5*time.Second
	}
	if fullSize() {
		n, artim, idle = 200, 30*time.Second, 60*time.Second
	}
	v := startVictim(t, victimOptions{ARTIM: artim, Idle: idle})
	echoWithin(t, v.address, prompt)
	before, rss, descriptors := v.state(), v.rss(), v.descriptors()
	lasted, highest := v.whileHeld(hold(t, v.address, n, 2*idle+patience))
	v.settle(before, descriptors)
	after := v.rss()
	t.Logf("%d of each kind; RSS %d MiB, at most %d, after %d; the longest lasted %v", n, rss/mib, highest/mib, after/mib, lasted)
	if raceDetector {
		return
	}
	for _, kind := range holding {
		limit := artim + busyMoment
		if kind.associated {
			limit = idle + busyMoment
		}
		if kind.fills {
			limit += fillingTime
		}
		if lasted[kind.name] > limit {
			t.Errorf("one that %s lasted %v, longer than %v", kind.name, lasted[kind.name], limit)
		}
	}
	if highest-rss > 64*mib || after-rss > 32*mib {
		t.Errorf("memory grew by %d MiB and came back to %d more", (highest-rss)/mib, (after-rss)/mib)
	}
}

const (
	// busyMoment is what a busy machine takes to end hundreds of connections at
	// once and to see that they have ended.
	busyMoment = 2 * time.Second
	// fillingTime is what it takes to fill the send buffers of the connections,
	// answer by answer: a closed window shows only then.
	fillingTime = 5 * time.Second
)

// whileHeld echoes until the connections have gone; highest is the most memory
// the server had meanwhile.
func (v *target) whileHeld(gone <-chan held) (lasted held, highest int64) {
	v.t.Helper()
	var slowest time.Duration
	for echoes := 1; ; echoes++ {
		slowest = max(slowest, echoWithin(v.t, v.address, prompt))
		highest = max(highest, v.rss())
		select {
		case lasted = <-gone:
			v.t.Logf("%d echoes, the slowest %v", echoes, slowest)
			return lasted, highest
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func TestOneHostCannotKeepTheOthersOut(t *testing.T) {
	v := startVictim(t, victimOptions{})
	for range maxUnassociatedOfHost {
		connect(t, v.address)
	}
	beyond := connect(t, v.address)
	beyond.wantClosed()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := dialer.Dial("tcp", v.address)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	other := &script{t: t, conn: conn}
	_ = conn.SetDeadline(begun.Add(patience))
	t.Cleanup(func() { _ = conn.Close() })
	other.associate()
	other.command(1, echoRQ(1))
	if c := other.answer(); c.Status != dimse.StatusSuccess || time.Since(begun) > prompt && !raceDetector {
		t.Errorf("%+v after %v", c, time.Since(begun))
	}
}

// maxUnassociatedOfHost is how many connections without an association one
// host may have; docs/conformance.md tells it.
const maxUnassociatedOfHost = 1024

// settle waits until the goroutines and descriptors of before are all there are.
func (v *target) settle(before victimState, descriptors int) {
	v.t.Helper()
	ctx := testContext(v.t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, open := v.state(), v.descriptors()
		if now.Goroutines <= before.Goroutines && open <= descriptors {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			v.t.Fatalf("%d goroutines and %d descriptors, before %d and %d", now.Goroutines, open, before.Goroutines, descriptors)
		}
	}
}

func TestManyClientsAreAnsweredOrRejectedForTheMoment(t *testing.T) {
	const clients, associations = 64, 2000
	v := startVictim(t, victimOptions{MaxAssociations: 32})
	var left, rejected atomic.Int64
	left.Store(associations)
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				err := echo(testContext(t), v.address)
				d := time.Since(start)
				var reject *dimse.RejectError
				switch {
				case errors.As(err, &reject) && *reject == *dimse.RejectOverloaded:
					rejected.Add(1)
				case err != nil:
					t.Error(err)
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	t.Logf("%d associations of %d clients: %d rejected 2/3/2, median %v, p99 %v", len(took), clients, rejected.Load(), took[len(took)/2], p99)
	if p99 > prompt && !raceDetector {
		t.Errorf("p99 is %v", p99)
	}
}

func TestRudeAssociationsLeaveNothingBehind(t *testing.T) {
	const warm = 500
	n := 2000
	if fullSize() {
		n = 50_000
	}
	v := startVictim(t, victimOptions{})
	kinds := make([]func(*script), 0, len(rudeness))
	for _, rude := range rudeness {
		kinds = append(kinds, rude)
	}
	attack := func(n int) {
		for i := range n {
			s := associated(t, v.address)
			kinds[i%len(kinds)](s)
			_ = s.conn.Close()
		}
	}
	before, descriptors := v.state(), v.descriptors()
	attack(warm)
	v.settle(before, descriptors)
	rss := v.rss()
	start := time.Now()
	attack(n)
	v.settle(before, descriptors)
	after := v.state()
	t.Logf("%d rude associations in %v: RSS %d KiB, then %d KiB; %d bytes of log", n, time.Since(start).Round(time.Millisecond), rss>>10, v.rss()>>10, after.LogBytes)
	if grown := v.rss() - rss; grown > 16*mib && !raceDetector {
		t.Errorf("memory grew by %d MiB", grown/mib)
	}
	if after.LogBytes > 64<<10 {
		t.Errorf("%d bytes of log", after.LogBytes)
	}
	echoWithin(t, v.address, prompt)
}
