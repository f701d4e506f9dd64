package dimse_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// provider accepts one connection and plays a script on it; it returns the
// address.
func provider(t testing.TB, play func(*script)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		play(&script{t: t, conn: conn})
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return listener.Addr().String()
}

// accept agrees to everything that is proposed.
func (s *script) accept() { s.acceptWithin(16384) }

// acceptWithin is accept with a maximum length for what is sent to it.
func (s *script) acceptWithin(maximum uint32) {
	rq, ok := s.receive().(*pdu.AssociateRQ)
	if !ok {
		s.t.Error("no association request")
		return
	}
	ac := &pdu.AssociateAC{Version: 1, ApplicationContext: pdu.ApplicationContext, User: pdu.UserInformation{MaxLength: &maximum}}
	for _, c := range rq.Contexts {
		ac.Contexts = append(ac.Contexts, pdu.AnsweredContext{ID: c.ID, TransferSyntax: c.TransferSyntaxes[0]})
	}
	s.send(ac)
}

// brief is how long the tests of silence wait for what never comes. What must
// come is waited for with patience.
const brief = 200 * time.Millisecond

// impatient opens an association that waits only briefly for answers.
func impatient(t testing.TB, address string, proposals ...dimse.Proposal) *dimse.Association {
	t.Helper()
	return dialWithin(t, address, dimse.Timeouts{ARTIM: patience, Response: brief}, proposals...)
}

func dialWithin(t testing.TB, address string, timeouts dimse.Timeouts, proposals ...dimse.Proposal) *dimse.Association {
	t.Helper()
	dialer := dimse.Dialer{Address: address, CallingAE: "USER", CalledAE: "SCRIPT", Timeouts: timeouts}
	a, err := dialer.Dial(testContext(t), proposals)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Abort()
		<-a.Done()
	})
	return a
}

func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func TestAnswersToAnAssociationRequest(t *testing.T) {
	for name, test := range map[string]struct {
		play      func(*script)
		want      any
		temporary bool
	}{
		"rejected for good":       {func(s *script) { s.receive(); s.send(&pdu.AssociateRJ{Result: 1, Source: 1, Reason: 7}) }, new(*dimse.RejectError), false},
		"rejected for the moment": {func(s *script) { s.receive(); s.send(&pdu.AssociateRJ{Result: 2, Source: 3, Reason: 2}) }, new(*dimse.RejectError), true},
		"aborted":                 {func(s *script) { s.receive(); s.send(&pdu.Abort{}) }, new(*dimse.AbortError), true},
		"closed":                  {func(s *script) { s.receive() }, new(*dimse.TransportError), true},
		"silence":                 {func(s *script) { s.receive(); s.wantClosed() }, new(*dimse.TimeoutError), true},
		"nonsense": {func(s *script) {
			s.receive()
			s.sendBytes([]byte("HTTP/1.1 400 Bad Request\r\n"))
			_, _ = io.Copy(io.Discard, s.conn)
		}, new(*dimse.ProtocolError), false},
		"data": {func(s *script) { s.receive(); s.data(1, true, []byte{1, 2}); _, _ = io.Copy(io.Discard, s.conn) }, new(*dimse.ProtocolError), false},
	} {
		t.Run(name, func(t *testing.T) {
			dialer := dimse.Dialer{Address: provider(t, test.play), CallingAE: "USER", CalledAE: "SCRIPT"}
			if name == "silence" {
				dialer.Timeouts.ARTIM = brief
			}
			_, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.Verification)})
			if !errors.As(err, test.want) || temporary(err) != test.temporary {
				t.Errorf("%v (temporary: %v), want %T", err, temporary(err), test.want)
			}
		})
	}
}

func TestDialRefusesWhatCannotBe(t *testing.T) {
	many := make([]dimse.Proposal, 129)
	for i := range many {
		many[i] = propose(uid.Verification)
	}
	for name, test := range map[string]struct {
		dialer    dimse.Dialer
		proposals []dimse.Proposal
	}{
		"129 contexts":    {dimse.Dialer{CallingAE: "A", CalledAE: "B"}, many},
		"no context":      {dimse.Dialer{CallingAE: "A", CalledAE: "B"}, nil},
		"long title":      {dimse.Dialer{CallingAE: "SEVENTEEN_LETTERS", CalledAE: "B"}, many[:1]},
		"empty title":     {dimse.Dialer{CallingAE: "A"}, many[:1]},
		"backslash":       {dimse.Dialer{CallingAE: `A\B`, CalledAE: "B"}, many[:1]},
		"no syntax":       {dimse.Dialer{CallingAE: "A", CalledAE: "B"}, []dimse.Proposal{{SOPClass: "1.2"}}},
		"nobody listens":  {dimse.Dialer{Address: "127.0.0.1:1", CallingAE: "A", CalledAE: "B"}, many[:1]},
		"no such address": {dimse.Dialer{Address: "127.0.0.1", CallingAE: "A", CalledAE: "B"}, many[:1]},
	} {
		if _, err := test.dialer.Dial(testContext(t), test.proposals); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestContextEndsADial(t *testing.T) {
	ctx, cancel := context.WithCancel(testContext(t))
	address := provider(t, func(s *script) { s.receive(); cancel(); _, _ = io.Copy(io.Discard, s.conn) })
	dialer := dimse.Dialer{Address: address, CallingAE: "A", CalledAE: "B"}
	if _, err := dialer.Dial(ctx, []dimse.Proposal{propose(uid.Verification)}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// endsOfAnOperation are what a provider may do to an echo, and the error of it.
var endsOfAnOperation = map[string]struct {
	play func(*script)
	want any
}{
	"silence":               {func(s *script) { s.receive(); s.wantAbort() }, new(*dimse.TimeoutError)},
	"abort":                 {func(s *script) { s.receive(); s.send(&pdu.Abort{Source: 2, Reason: 6}) }, new(*dimse.AbortError)},
	"end of the connection": {func(s *script) { s.receive() }, new(*dimse.TransportError)},
	"another answer": {func(s *script) {
		s.receive()
		s.command(1, dimse.Command{Field: dimse.CFindRSP, RespondedTo: 1})
		s.wantAbort()
	}, new(*dimse.ProtocolError)},
	"another message": {func(s *script) {
		s.receive()
		s.command(1, dimse.Command{Field: dimse.CEchoRSP, RespondedTo: 2})
		s.wantAbort()
	}, new(*dimse.ProtocolError)},
	"failure status": {func(s *script) {
		s.receive()
		s.command(1, dimse.Command{Field: dimse.CEchoRSP, RespondedTo: 1, Status: 0x0122})
		s.wantAbort()
	}, new(*dimse.StatusError)},
	"half an answer": {func(s *script) {
		s.receive()
		s.sendBytes([]byte{4, 0, 0, 0, 0, 99, 0, 0})
		_, _ = io.Copy(io.Discard, s.conn)
	}, new(*dimse.TimeoutError)},
}

func TestWhatEndsAnOperation(t *testing.T) {
	for name, test := range endsOfAnOperation {
		t.Run(name, func(t *testing.T) {
			open := dial
			if _, silent := test.want.(**dimse.TimeoutError); silent {
				open = impatient
			}
			a := open(t, provider(t, func(s *script) { s.accept(); test.play(s) }), propose(uid.Verification))
			err := a.Echo(testContext(t))
			if !errors.As(err, test.want) {
				t.Errorf("%v, want %T", err, test.want)
			}
			var status *dimse.StatusError
			if a.Usable() != errors.As(err, &status) {
				t.Errorf("usable: %v after %v", a.Usable(), err)
			}
		})
	}
}

func TestUnusableAsSoonAsThePeerIsGone(t *testing.T) {
	a := dial(t, provider(t, func(s *script) { s.accept(); s.send(&pdu.Abort{}) }), propose(uid.Verification))
	<-a.Done()
	var aborted *dimse.AbortError
	if err := a.Echo(testContext(t)); a.Usable() || !errors.As(err, &aborted) {
		t.Error(err)
	}
}

func TestReleaseCollision(t *testing.T) {
	a := dial(t, provider(t, func(s *script) {
		s.accept()
		s.receive() // our A-RELEASE-RQ; the peer had sent its own
		s.send(&pdu.ReleaseRQ{})
		if _, ok := s.receive().(*pdu.ReleaseRP); !ok {
			s.t.Error("no A-RELEASE-RP of the requestor")
		}
		s.send(&pdu.ReleaseRP{})
		s.wantClosed()
	}), propose(uid.Verification))
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestReleaseByTheAcceptor(t *testing.T) {
	a := dial(t, provider(t, func(s *script) {
		s.accept()
		s.send(&pdu.ReleaseRQ{})
		if _, ok := s.receive().(*pdu.ReleaseRP); !ok {
			s.t.Error("no answer to the release")
		}
	}), propose(uid.Verification))
	<-a.Done()
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestUnansweredReleaseTimesOut(t *testing.T) {
	silent := provider(t, func(s *script) { s.accept(); s.receive(); s.wantAbort() })
	a := dialWithin(t, silent, dimse.Timeouts{ARTIM: 5 * brief}, propose(uid.Verification))
	var timeout *dimse.TimeoutError
	if err := a.Release(testContext(t)); !errors.As(err, &timeout) {
		t.Error(err)
	}
}

func TestCutInsideAMessageAborts(t *testing.T) {
	reader := func(err error) io.Reader {
		return io.MultiReader(bytes.NewReader(make([]byte, 500_000)), iotest.ErrReader(err))
	}
	k := new(keeper)
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k}})
	t.Run("source fails", func(t *testing.T) {
		a := dial(t, address, propose(uid.CTImageStorage))
		r := storeOf(nil)
		r.Data = reader(io.ErrUnexpectedEOF)
		var source *dimse.SourceError
		if _, err := a.Store(testContext(t), r); !errors.As(err, &source) || a.Usable() {
			t.Error(err, a.Usable())
		}
	})
	t.Run("source is shorter than announced", func(t *testing.T) {
		a := dial(t, address, propose(uid.CTImageStorage))
		r := storeOf(pattern(1000))
		r.Size = 1001
		var source *dimse.SourceError
		if _, err := a.Store(testContext(t), r); !errors.As(err, &source) || a.Usable() {
			t.Error(err, a.Usable())
		}
	})
	t.Run("context ends", func(t *testing.T) {
		a := dial(t, address, propose(uid.CTImageStorage))
		ctx, cancel := context.WithCancel(testContext(t))
		r := storeOf(nil)
		r.Data = io.MultiReader(bytes.NewReader(make([]byte, 500_000)), endless{cancel})
		if _, err := a.Store(ctx, r); !errors.Is(err, context.Canceled) || a.Usable() {
			t.Error(err, a.Usable())
		}
	})
	if n := len(k.instances()); n != 0 {
		t.Errorf("the provider kept %d cut instances", n)
	}
}

// endless gives zeros for ever, and cancels at the first.
type endless struct{ cancel func() }

func (e endless) Read(p []byte) (int, error) {
	e.cancel()
	clear(p)
	return len(p), nil
}

func TestWithoutAContextNothingIsSent(t *testing.T) {
	a := dial(t, serve(t, &dimse.Server{}), propose(uid.Verification), propose(uid.CTImageStorage))
	var none *dimse.NoContextError
	if _, err := a.Store(testContext(t), storeOf(nil)); !errors.As(err, &none) {
		t.Error(err)
	}
	if err := a.Echo(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestHandlersChooseTheStatus(t *testing.T) {
	for want, handler := range map[dimse.Status]error{
		dimse.StatusSuccess:           nil,
		dimse.StatusProcessingFailure: errors.New("a secret of ours"),
		dimse.StatusOutOfResources:    &dimse.StatusError{Status: 0xA700, Comment: "disk full", Offending: []dataset.Tag{dataset.PixelData}},
		dimse.StatusCoercion:          &dimse.StatusError{Status: 0xB000},
	} {
		store := storeFunc(func(context.Context, *dimse.Instance) error { return handler })
		a := dial(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: store}}), propose(uid.CTImageStorage))
		result, err := a.Store(testContext(t), storeOf(pattern(400_000)))
		if result.Status != want {
			t.Errorf("%v, want %v", result.Status, want)
		}
		var status *dimse.StatusError
		if failed := errors.As(err, &status); failed != (want.Class() == dimse.Failure) {
			t.Errorf("%v: %v", want, err)
		}
		if want == dimse.StatusOutOfResources && (result.Comment != "disk full" || result.OffendingElements[0] != dataset.PixelData || !temporary(err)) {
			t.Errorf("%+v, %v", result, err)
		}
		if !a.Usable() {
			t.Errorf("%v: not usable", want)
		}
	}
}
