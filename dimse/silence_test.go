package dimse_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// paced calls do n times, with d between.
func paced(n int, d time.Duration, do func(i int)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		do(i)
	}
}

// silence is how long a peer may be silent in these tests, long enough that one on a
// machine that is busy is not cut for that.
const silence = 5 * brief

// getting is a C-GET association that bears silence.
func getting(t *testing.T, address string) *dimse.Association {
	t.Helper()
	ct := propose(uid.CTImageStorage)
	ct.SCPRole = true
	return dialWithin(t, address, dimse.Timeouts{ARTIM: patience, Response: silence}, propose(uid.StudyRootGet), ct)
}

func TestAnInstanceOfAGetMayTakeLongerThanTheSilence(t *testing.T) {
	address := provider(t, func(s *script) {
		s.accept()
		s.receive()
		s.receive()
		s.command(3, storeRQ(1))
		paced(7, silence/5, func(i int) { s.data(3, i == 6, pattern(200_000)) })
		s.receive()
		s.command(1, dimse.Command{Field: dimse.CGetRSP, RespondedTo: 1})
		s.receive()
	})
	kept := new(keeper)
	if _, err := getting(t, address).Get(testContext(t), dimse.GetRequest{SOPClass: uid.StudyRootGet, Identifier: dataset.New()}, kept); err != nil {
		t.Error(err)
	}
}

func TestAStallInsideAnInstanceEndsAGet(t *testing.T) {
	address := provider(t, func(s *script) {
		s.accept()
		s.receive()
		s.receive()
		s.command(3, storeRQ(1))
		s.data(3, false, pattern(100))
		s.wantAbort()
	})
	var late *dimse.TimeoutError
	if _, err := getting(t, address).Get(testContext(t), dimse.GetRequest{SOPClass: uid.StudyRootGet}, new(keeper)); !errors.As(err, &late) {
		t.Error(err)
	}
}

// TestAPeerThatAnswersOthersIsNotSilent: in a window of four, the last answer comes
// later than the peer may be silent, but it is not.
func TestAPeerThatAnswersOthersIsNotSilent(t *testing.T) {
	address := provider(t, func(s *script) {
		s.receive()
		s.send(&pdu.AssociateAC{
			Version: 1, ApplicationContext: pdu.ApplicationContext,
			Contexts: []pdu.AnsweredContext{{ID: 1, TransferSyntax: uid.ExplicitLE}},
			User:     pdu.UserInformation{AsyncWindow: &pdu.AsyncWindow{Invoked: 4, Performed: 1}},
		})
		var ids []uint16
		for range 4 {
			ids = append(ids, s.answer().MessageID)
			s.receive()
		}
		paced(4, silence*2/5, func(i int) { s.command(1, dimse.Command{Field: dimse.CStoreRSP, RespondedTo: ids[i]}) })
		s.receive()
	})
	dialer := dimse.Dialer{Address: address, CallingAE: "A", CalledAE: "B", AsyncWindow: 4, Timeouts: dimse.Timeouts{Response: silence}}
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.CTImageStorage)})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make(chan error, 4)
	for range 4 {
		go func() {
			_, err := a.Store(testContext(t), storeOf([]byte{1, 2}))
			outcomes <- err
		}()
	}
	for range 4 {
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
	_ = a.Abort()
	<-a.Done()
}

// findsNothing answers every query at once.
type findsNothing struct{}

func (findsNothing) Find(context.Context, dimse.FindQuery) iter.Seq2[*dataset.Dataset, error] {
	return func(func(*dataset.Dataset, error) bool) {}
}

// TestAnswersThatNobodyReadsAreBounded: operations that only wait to be answered are
// not counted by their message IDs any more, and must not become more and more.
func TestAnswersThatNobodyReadsAreBounded(t *testing.T) {
	const bound = 50
	s := associated(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Find: findsNothing{}}}))
	query := func(id int, class string) error {
		b, err := (&dimse.Command{Field: dimse.CFindRQ, MessageID: uint16(id), AffectedClass: class}).AppendTo(nil)
		if err != nil {
			return err
		}
		message, err := (&pdu.Data{Values: []pdu.Value{{ContextID: 5, Command: true, Last: true, Fragment: b}}}).AppendTo(nil)
		if err != nil {
			return err
		}
		_, err = s.conn.Write(message)
		return err
	}
	long := strings.Repeat("1", 60_000) // echoed in the answer
	before, most := runtime.NumGoroutine(), 0
	var err error
	paced(1000, time.Millisecond, func(i int) { // each finds the one before waiting to be answered
		_ = s.conn.SetWriteDeadline(time.Now().Add(brief))
		if err == nil && most <= bound {
			err = query(i, long) // until nothing is taken in any more
			most = max(most, runtime.NumGoroutine()-before)
		}
	})
	if most > bound {
		t.Errorf("%d goroutines for one association", most)
	}
}

// TestShutdownEndsThoughAPeerTalksOn: after its abort a server waits for the peer to
// close (Sta13), not for as long as the peer likes to talk.
func TestShutdownEndsThoughAPeerTalksOn(t *testing.T) {
	address, stop, ended := start(t, &dimse.Server{Timeouts: dimse.Timeouts{ARTIM: silence}})
	s := associated(t, address)
	stop()
	tick := time.NewTicker(brief)
	defer tick.Stop()
	tooLong := time.After(patience / 2)
	for {
		select {
		case <-tick.C:
			_, _ = s.conn.Write([]byte{0x55, 0, 0, 0, 0, 0}) // no PDU that there is
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		case <-tooLong:
			t.Fatal("a peer that talks on keeps the server from ending")
		}
	}
}
