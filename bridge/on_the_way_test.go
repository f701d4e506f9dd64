package bridge_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// slowly is an instance of which the rest comes when it may.
type slowly struct {
	head, rest io.Reader
	reached    func() // called when the head is read
	may        <-chan struct{}
}

func (s *slowly) Read(b []byte) (int, error) {
	if n, err := s.head.Read(b); n > 0 || err != io.EOF {
		return n, err
	}
	s.reached()
	<-s.may
	return s.rest.Read(b)
}

// onItsWay is a crossing of one study, one instance of which OLD begins to send on an
// association of its own, and does not end until may is closed.
type onItsWay struct {
	*crossing
	slow   dimsetest.Object
	may    chan struct{}
	stored chan error // what OLD is told
}

// sendSlowly sets one up. begin is to be called at an instance that OLD is about to send.
func sendSlowly(t *testing.T) (x *onItsWay, begin func(sopInstance string)) {
	t.Helper()
	objects := dimsetest.Study(7, dimsetest.StudyOptions{Date: "20260107", Instances: 3, Rows: 128})
	x = &onItsWay{crossing: cross(t, 0), slow: objects[1], may: make(chan struct{}), stored: make(chan error, 1)}
	check(t, x.old.Add(objects...))
	var once, half sync.Once
	return x, func(sopInstance string) {
		if sopInstance != x.slow.SOPInstance {
			return
		}
		once.Do(func() {
			reached := make(chan struct{})
			data := &slowly{bytes.NewReader(x.slow.Data[:8192]), bytes.NewReader(x.slow.Data[8192:]), func() { half.Do(func() { close(reached) }) }, x.may}
			go func() {
				x.stored <- x.inbox.Store(context.Background(), &dimse.Instance{SOPClass: x.slow.SOPClass, SOPInstance: x.slow.SOPInstance,
					TransferSyntax: x.slow.TransferSyntax, CallingAE: "OLDPACS", MoveOriginatorAE: ourAE, RemoteAddr: &net.TCPAddr{}, Data: data})
			}()
			<-reached
		})
	}
}

// swept demands that nothing stays in the spool.
func (x *onItsWay) swept() {
	x.t.Helper()
	if u := x.inbox.Spool.Usage(); u.Blobs != 0 {
		x.t.Errorf("in the spool stays %+v", u)
	}
}

func TestAnInstanceOnItsWayIsWaitedFor(t *testing.T) {
	x, begin := sendSlowly(t)
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Success: true, Withhold: func(sopInstance string, _ int) bool {
		begin(sopInstance)
		return sopInstance == x.slow.SOPInstance
	}}})
	ran := make(chan error, 1)
	go func() { ran <- x.run() }()
	select {
	case err := <-ran:
		t.Errorf("given up while it was on its way (%v)", err)
		ran <- err
	case <-time.After(10 * x.migrator.Collect.Grace):
	}
	close(x.may)
	check(t, <-x.stored)
	check(t, <-ran)
	x.wantAll()
	if n := x.old.Counts().Moves; n != 1 {
		t.Errorf("OLD was asked %d times", n)
	}
	x.swept()
}

// TestAnInstanceOnItsWayWhenItsStudyIsGivenUp: OLD said that it could not send it, and
// its study has failed. It is acknowledged, so the study is opened again for it.
func TestAnInstanceOnItsWayWhenItsStudyIsGivenUp(t *testing.T) {
	x, begin := sendSlowly(t)
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Fail: func(sopInstance string, _ int) bool {
		begin(sopInstance)
		return sopInstance == x.slow.SOPInstance
	}}})
	check(t, x.run())
	if !x.is(x.slow.StudyUID, staging.Failed) {
		t.Error("it has not failed")
	}
	close(x.may)
	check(t, <-x.stored)
	check(t, x.workOff(t.Context()))
	x.wantAll()
	x.swept()
}

func TestACopyOnItsWayWhenItsStudyIsDone(t *testing.T) {
	x, begin := sendSlowly(t)
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Twice: func(sopInstance string, _ int) bool {
		begin(sopInstance)
		return false
	}}})
	check(t, x.run())
	x.wantAll()
	close(x.may)
	if err := <-x.stored; err == nil {
		t.Error("OLD is told that its copy was kept")
	}
	x.swept()
}

// TestAnInstanceMayTakeLongerThanTheSilence: a large one, or one that old.rate slows down.
func TestAnInstanceMayTakeLongerThanTheSilence(t *testing.T) {
	for name, retrieve := range map[string]func(*crossing){
		"by C-MOVE": func(*crossing) {},
		"by C-GET": func(x *crossing) {
			x.migrator.Collect.Old = &bridge.Getter{Peer: x.migrator.Old.(*bridge.Peer), Into: x.inbox}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 0)
			x.impatiently()
			objects := dimsetest.Study(7, dimsetest.StudyOptions{Date: "20260107", Instances: 2, Rows: 1024})
			check(t, x.old.Add(objects...))
			x.inbox.Throttle = bridge.NewThrottle(int64(len(objects[0].Data)))
			retrieve(x)
			check(t, x.run())
			x.wantAll()
			if counts := x.old.Counts(); counts.Moves+counts.Gets != 1 {
				t.Errorf("OLD was asked %d times", counts.Moves+counts.Gets)
			}
		})
	}
}
