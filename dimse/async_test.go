package dimse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// dialAsync opens an association for CT that asks for a window.
func dialAsync(t *testing.T, address string, window uint16) *dimse.Association {
	t.Helper()
	dialer := dimse.Dialer{Address: address, CallingAE: "A", CalledAE: "B", AsyncWindow: window}
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.CTImageStorage)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answersBackwards grants a window of 4, takes 4 instances and answers the last
// one first, each with a status of its own.
func answersBackwards(s *script) {
	rq := s.receive().(*pdu.AssociateRQ)
	s.send(&pdu.AssociateAC{
		Version: 1, ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.AnsweredContext{{ID: 1, TransferSyntax: uid.ExplicitLE}},
		User:     pdu.UserInformation{AsyncWindow: &pdu.AsyncWindow{Invoked: min(4, rq.User.AsyncWindow.Invoked), Performed: 1}},
	})
	var ids []uint16
	for range 4 {
		ids = append(ids, s.answer().MessageID)
		s.receive()
	}
	slices.Reverse(ids)
	for _, id := range ids {
		s.command(1, dimse.Command{Field: dimse.CStoreRSP, RespondedTo: id, Status: dimse.Status(0xB000 + id)})
	}
	s.receive()
	s.send(&pdu.ReleaseRP{})
}

func TestAsynchronousWindowKeepsSeveralStoresOpen(t *testing.T) {
	a := dialAsync(t, provider(t, answersBackwards), 16)
	if n := a.Peer().AsyncWindow; n != 4 {
		t.Errorf("window of %d", n)
	}
	seen := make(chan dimse.Status, 4)
	for range 4 {
		go func() {
			result, err := a.Store(testContext(t), storeOf([]byte{1, 2}))
			if err != nil {
				t.Error(err)
			}
			seen <- result.Status
		}()
	}
	statuses := map[dimse.Status]bool{<-seen: true, <-seen: true, <-seen: true, <-seen: true}
	if len(statuses) != 4 {
		t.Errorf("answers went astray: %v", statuses)
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

// storeAll stores n instances at once, 1.2.0 and so on, and returns what became
// of each.
func storeAll(t *testing.T, a *dimse.Association, n int) []error {
	t.Helper()
	outcomes := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			r := storeOf(pattern(20_000 + i))
			r.SOPInstance = fmt.Sprintf("1.2.%d", i)
			_, outcomes[i] = a.Store(testContext(t), r)
		})
	}
	all.Wait()
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
	return outcomes
}

func TestWindowIsGrantedToPeersThatAsk(t *testing.T) {
	k := new(keeper)
	a := dialAsync(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k}}), 100)
	if n := a.Peer().AsyncWindow; n != 16 {
		t.Errorf("window of %d", n)
	}
	if err := errors.Join(storeAll(t, a, 200)...); err != nil {
		t.Error(err)
	}
	if n := len(k.instances()); n != 200 {
		t.Errorf("%d instances", n)
	}
	for _, i := range k.instances() {
		if !bytes.Equal(i.data, pattern(len(i.data))) {
			t.Errorf("%s differs", i.SOPInstance)
		}
	}
}

// slowCommits keeps instances in two steps, of which the second waits until as
// many instances as together have arrived. 1.2.0 cannot be kept.
type slowCommits struct {
	keeper
	together int
	arrived  chan struct{}
	all      chan struct{}
}

func newSlowCommits(together int) *slowCommits {
	s := &slowCommits{together: together, arrived: make(chan struct{}, together), all: make(chan struct{})}
	go func() {
		defer close(s.all)
		for range together {
			<-s.arrived
		}
	}()
	return s
}

func (s *slowCommits) Receive(ctx context.Context, i *dimse.Instance) (func(context.Context) error, error) {
	if err := s.Store(ctx, i); err != nil {
		return nil, err
	}
	name := i.SOPInstance
	return func(ctx context.Context) error {
		s.arrived <- struct{}{}
		select {
		case <-s.all:
		case <-ctx.Done():
			return ctx.Err()
		}
		if name == "1.2.0" {
			return &dimse.StatusError{Service: dimse.ServiceStore, Status: 0xA700}
		}
		return nil
	}, nil
}

func TestCommitsRunAtOnceWhereAWindowWasGranted(t *testing.T) {
	const n = 8
	handler := newSlowCommits(n)
	a := dialAsync(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: handler}, AsyncWindow: n}), n)
	var status *dimse.StatusError
	for i, err := range storeAll(t, a, n) {
		if i == 0 && (!errors.As(err, &status) || status.Status != 0xA700) || i > 0 && err != nil {
			t.Errorf("instance %d: %v", i, err)
		}
	}
	if got := len(handler.instances()); got != n {
		t.Errorf("%d instances", got)
	}
}

func TestCommitsRunOneAfterAnotherWithoutAWindow(t *testing.T) {
	handler := newSlowCommits(1)
	a := dialAsync(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: handler}}), 1)
	if outcomes := storeAll(t, a, 1); outcomes[0] == nil {
		t.Error("what cannot be kept is answered with success")
	}
}

// A peer that keeps more open than it was granted has to wait; one that uses a
// message ID twice is told so.
func TestWindowThatIsNotKept(t *testing.T) {
	handler := newSlowCommits(16 + 1)
	s := connect(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: handler}, AsyncWindow: 2}))
	rq := request()
	rq.User.AsyncWindow = &pdu.AsyncWindow{Invoked: 2, Performed: 1}
	s.send(rq)
	s.receive()
	for i := range 16 {
		s.command(3, storeRQ(uint16(i+1)))
		s.data(3, true, pattern(100))
	}
	s.command(3, storeRQ(16))
	s.data(3, true, pattern(100))
	if c := s.answer(); c.Status != dimse.StatusDuplicateInvocation || c.RespondedTo != 16 {
		t.Errorf("%+v", c)
	}
	s.command(3, storeRQ(17))
	s.data(3, true, pattern(100))
	for range 17 {
		if c := s.answer(); c.Status != dimse.StatusSuccess {
			t.Errorf("%+v", c)
		}
	}
}
