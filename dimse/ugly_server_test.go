package dimse_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// rudeness is what peers do that they must not, on an association.
var rudeness = map[string]func(*script){
	"answer nobody asked for":       func(s *script) { s.command(1, dimse.Command{Field: dimse.CEchoRSP, RespondedTo: 9}); s.wantAbort() },
	"context that was not accepted": func(s *script) { s.command(99, echoRQ(1)); s.wantAbort() },
	"data set without a command":    func(s *script) { s.data(1, true, []byte{1, 2}); s.wantAbort() },
	"command inside a data set": func(s *script) {
		s.command(3, storeRQ(1))
		s.data(3, false, []byte{1, 2})
		s.command(3, echoRQ(2))
		s.wantAbort()
	},
	"data set on another context": func(s *script) { s.command(3, storeRQ(1)); s.data(1, true, []byte{1, 2}); s.wantAbort() },
	"second association request":  func(s *script) { s.send(request()); s.wantAbort() },
	"association answer":          func(s *script) { s.send(&pdu.AssociateRJ{}); s.wantAbort() },
	"release answer":              func(s *script) { s.send(&pdu.ReleaseRP{}); s.wantAbort() },
	"two aborts":                  func(s *script) { s.send(&pdu.Abort{}); _, _ = s.conn.Write([]byte{7, 0, 0, 0, 0, 4, 0, 0, 0, 0}) },
	"unknown PDU":                 func(s *script) { s.sendBytes([]byte{0x42, 0, 0, 0, 0, 1, 0}); s.wantAbort() },
	"value longer than its PDU":   func(s *script) { s.sendBytes([]byte{4, 0, 0, 0, 0, 6, 0, 0, 1, 0, 1, 3}); s.wantAbort() },
	"value of 4 GB":               func(s *script) { s.sendBytes([]byte{4, 0, 0, 0, 0, 6, 0xFF, 0xFF, 0xFF, 0xFF, 1, 3}); s.wantAbort() },
	"abort of 4 GB":               func(s *script) { s.sendBytes([]byte{7, 0, 0xFF, 0xFF, 0xFF, 0xFF}); s.wantAbort() },
	"empty command set": func(s *script) {
		s.send(&pdu.Data{Values: []pdu.Value{{ContextID: 1, Command: true, Last: true}}})
		s.wantAbort()
	},
	"command set that is no such": func(s *script) {
		s.send(&pdu.Data{Values: []pdu.Value{{ContextID: 1, Command: true, Last: true, Fragment: []byte("GET / HTTP/1.1\r\n\r\n")}}})
		s.wantAbort()
	},
	"command field of four bytes": func(s *script) {
		s.send(&pdu.Data{Values: []pdu.Value{{ContextID: 1, Command: true, Last: true, Fragment: []byte{0, 0, 0, 1, 4, 0, 0, 0, 0x30, 0, 0, 0}}}})
		s.wantAbort()
	},
	"endless command set":   func(s *script) { flood(s); s.wantAbort() },
	"end inside a data set": func(s *script) { s.command(3, storeRQ(1)); s.data(3, false, []byte{1, 2}); _ = s.conn.Close() },
	"release inside a data set": func(s *script) {
		s.command(3, storeRQ(1))
		s.data(3, false, []byte{1, 2})
		s.send(&pdu.ReleaseRQ{})
		s.receive()
	},
	"end inside a PDU": func(s *script) { s.sendBytes([]byte{4, 0, 0, 0, 1, 0, 0, 0}); _ = s.conn.Close() },
	"PDUs after the release": func(s *script) {
		s.send(&pdu.ReleaseRQ{})
		s.receive()
		s.command(1, echoRQ(1))
		s.send(request())
		s.wantAbort()
	},
}

func TestRudePeersLoseTheirAssociationAndNothingElse(t *testing.T) {
	k := new(keeper)
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: k, Find: &finder{n: 1, ended: make(chan error, 9)}}})
	for name, rude := range rudeness {
		t.Run(name, func(t *testing.T) {
			s := associated(t, address)
			rude(s)
			_ = s.conn.Close()
			stillAnswers(t, address)
		})
	}
	if n := len(k.instances()); n != 0 {
		t.Errorf("%d cut instances were kept", n)
	}
}

// flood sends fragments of a command set that never ends.
func flood(s *script) {
	fragment := pdu.Data{Values: []pdu.Value{{ContextID: 1, Command: true, Fragment: make([]byte, 8192)}}}
	for range 9 {
		s.send(&fragment)
	}
}

func TestWhatIsNotServedIsRefusedByStatus(t *testing.T) {
	s := associated(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: discard, Find: &finder{n: 1, ended: make(chan error, 9)}}}))
	for _, field := range []dimse.CommandField{dimse.CMoveRQ, dimse.CGetRQ, dimse.NActionRQ, 0x0777} {
		s.command(1, dimse.Command{Field: field, MessageID: 1, HasData: true})
		s.data(1, true, []byte{1, 2})
		if c := s.answer(); c.Status != dimse.StatusUnrecognizedOperation || c.Field != field|0x8000 {
			t.Errorf("%04X: %+v", field, c)
		}
	}
	s.command(1, dimse.Command{Field: dimse.CCancelRQ, RespondedTo: 5}) // too late: no answer
	s.command(5, dimse.Command{Field: dimse.CFindRQ, MessageID: 2, AffectedClass: uid.StudyRootFind, HasData: true})
	s.data(5, true, []byte{1, 2, 3})
	if c := s.answer(); c.Status != dimse.StatusIdentifierMismatch {
		t.Errorf("broken identifier: %+v", c)
	}
	s.command(1, echoRQ(3))
	if c := s.answer(); c.Status != dimse.StatusSuccess || c.RespondedTo != 3 {
		t.Errorf("echo: %+v", c)
	}
}

func TestPipelinedRequestsAreAnsweredInTurn(t *testing.T) {
	s := associated(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: discard}}))
	for id := range uint16(20) {
		s.command(3, storeRQ(id+1))
		s.data(3, true, []byte{1, 2})
	}
	s.send(&pdu.ReleaseRQ{})
	for id := range uint16(20) {
		if c := s.answer(); c.RespondedTo != id+1 || c.Status != dimse.StatusSuccess {
			t.Fatalf("%+v", c)
		}
	}
	if _, ok := s.receive().(*pdu.ReleaseRP); !ok {
		t.Error("release is not answered")
	}
}

func TestRejections(t *testing.T) {
	server := &dimse.Server{Admit: func(r dimse.AssociateRequest) error {
		switch {
		case r.CallingAE != "SCRIPT":
			return dimse.RejectCallingAE
		case r.CalledAE != "PROVIDER":
			return dimse.RejectCalledAE
		case r.ImplementationUID == "9":
			return errors.New("not today")
		}
		return nil
	}}
	address := serve(t, server)
	for name, test := range map[string]struct {
		change func(*pdu.AssociateRQ)
		want   pdu.AssociateRJ
	}{
		"calling":     {func(r *pdu.AssociateRQ) { r.CallingAE = "STRANGER" }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 3}},
		"called":      {func(r *pdu.AssociateRQ) { r.CalledAE = "OTHER" }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 7}},
		"control":     {func(r *pdu.AssociateRQ) { r.CallingAE = "A\nB" }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 3}},
		"empty":       {func(r *pdu.AssociateRQ) { r.CalledAE = "" }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 7}},
		"context":     {func(r *pdu.AssociateRQ) { r.ApplicationContext = "1.2" }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 2}},
		"version":     {func(r *pdu.AssociateRQ) { r.Version = 2 }, pdu.AssociateRJ{Result: 1, Source: 2, Reason: 2}},
		"other error": {func(r *pdu.AssociateRQ) { r.User.ImplementationUID = "9" }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 1}},
		"maximum 1":   {func(r *pdu.AssociateRQ) { one := uint32(1); r.User.MaxLength = &one }, pdu.AssociateRJ{Result: 1, Source: 2, Reason: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := connect(t, address)
			r := request()
			test.change(r)
			s.send(r)
			if p, ok := s.receive().(*pdu.AssociateRJ); !ok || *p != test.want {
				t.Errorf("%+v, want %+v", p, test.want)
			}
		})
	}
}

func TestContextsThatMakeNoSenseAreRefusedOneByOne(t *testing.T) {
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: discard}})
	s := connect(t, address)
	r := request()
	r.Contexts = []pdu.ProposedContext{
		{ID: 1, AbstractSyntax: "1.2.3.private", TransferSyntaxes: []string{uid.JPEGBaseline, uid.ExplicitLE}},
		{ID: 1, AbstractSyntax: uid.CTImageStorage, TransferSyntaxes: []string{uid.ExplicitLE}},
		{ID: 2, AbstractSyntax: uid.CTImageStorage, TransferSyntaxes: []string{uid.ExplicitLE}},
		{ID: 5, AbstractSyntax: uid.CTImageStorage},
		{ID: 7, AbstractSyntax: uid.StudyRootFind, TransferSyntaxes: []string{uid.ExplicitLE}},
		{ID: 9, AbstractSyntax: uid.Verification, TransferSyntaxes: []string{uid.JPEGBaseline}},
		{ID: 11, AbstractSyntax: uid.CTImageStorage, TransferSyntaxes: []string{uid.ImplicitLE, uid.ExplicitBE, uid.ExplicitLE}},
	}
	s.send(r)
	ac, ok := s.receive().(*pdu.AssociateAC)
	if !ok {
		t.Fatal("rejected")
	}
	want := []pdu.AnsweredContext{
		{ID: 1, Result: pdu.Acceptance, TransferSyntax: uid.JPEGBaseline},
		{ID: 1, Result: pdu.NoReason, TransferSyntax: uid.ExplicitLE},
		{ID: 2, Result: pdu.NoReason, TransferSyntax: uid.ExplicitLE},
		{ID: 5, Result: pdu.TransferSyntaxesNotSupported},
		{ID: 7, Result: pdu.AbstractSyntaxNotSupported, TransferSyntax: uid.ExplicitLE},
		{ID: 9, Result: pdu.TransferSyntaxesNotSupported, TransferSyntax: uid.JPEGBaseline},
		{ID: 11, Result: pdu.Acceptance, TransferSyntax: uid.ExplicitLE},
	}
	for i, c := range ac.Contexts {
		if c != want[i] {
			t.Errorf("context %d: %+v, want %+v", i, c, want[i])
		}
	}
}

func TestAssociationsBeyondTheLimitAreRejectedForTheMoment(t *testing.T) {
	address := serve(t, &dimse.Server{MaxAssociations: 2})
	first := dial(t, address, propose(uid.Verification))
	dial(t, address, propose(uid.Verification))
	dialer := dimse.Dialer{Address: address, CallingAE: "USER", CalledAE: "PROVIDER"}
	_, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.Verification)})
	var reject *dimse.RejectError
	if !errors.As(err, &reject) || *reject != *dimse.RejectOverloaded || !reject.Temporary() {
		t.Fatal(err)
	}
	if err := first.Release(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if a, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.Verification)}); err != nil {
		t.Error(err)
	} else if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestSilentPeersAreCutByTheirTimeouts(t *testing.T) {
	const long = 10 * time.Minute
	half := append(message(3, storeRQ(1)), 4, 0, 0, 0, 0, 8, 0, 0, 0, 4, 3, 0, 1, 2)
	for name, test := range map[string]struct {
		timeouts dimse.Timeouts
		says     []byte
	}{
		"before the request":    {dimse.Timeouts{ARTIM: brief, Idle: long}, nil},
		"inside the request":    {dimse.Timeouts{ARTIM: brief, Idle: long}, []byte{1, 0, 0, 0}},
		"after the association": {dimse.Timeouts{ARTIM: patience, Idle: brief}, opening},
		"inside a PDU":          {dimse.Timeouts{ARTIM: patience, Idle: brief}, append(slices.Clip(opening), 4, 0, 0, 0, 1)},
		"inside a store":        {dimse.Timeouts{ARTIM: patience, Idle: brief}, append(slices.Clip(opening), half...)},
		"after the release":     {dimse.Timeouts{ARTIM: 5 * brief, Idle: long}, append(slices.Clip(opening), 5, 0, 0, 0, 0, 4, 0, 0, 0, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := connect(t, serve(t, &dimse.Server{Timeouts: test.timeouts, Handlers: dimse.Handlers{Store: discard}}))
			s.sendBytes(test.says)
			s.wantClosed()
		})
	}
}

// opening is an association request, and message a message that follows it
// without waiting for the answer, so that a slow test is not cut for it.
var opening = must(request().AppendTo(nil))

func message(contextID byte, c dimse.Command) []byte {
	value := pdu.Value{ContextID: contextID, Command: true, Last: true, Fragment: must(c.AppendTo(nil))}
	return must((&pdu.Data{Values: []pdu.Value{value}}).AppendTo(nil))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A byte at a time must not hold an association for ever.
func TestDribblingPeersAreCut(t *testing.T) {
	address := serve(t, &dimse.Server{Timeouts: dimse.Timeouts{Idle: brief}, Handlers: dimse.Handlers{Store: discard}})
	s := connect(t, address)
	begin := append(message(3, storeRQ(1)), 4, 0, 0, 1, 0, 6, 0, 1, 0, 2, 3, 0)
	s.sendBytes(append(slices.Clip(opening), begin...))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < patience; <-tick.C {
		if _, err := s.conn.Write([]byte{0}); err != nil {
			return
		}
	}
	t.Errorf("dribbled for %v", patience)
}

// logs collects what a server logs.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func logger(l *logs) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestPanicOfAHandlerEndsItsAssociationAlone(t *testing.T) {
	var text logs
	address := serve(t, &dimse.Server{
		Logger: logger(&text),
		Handlers: dimse.Handlers{
			Store: storeFunc(func(context.Context, *dimse.Instance) error { panic("bug in store") }),
			Find:  panicFinder{},
		},
	})
	other := dial(t, address, propose(uid.Verification))
	a := dial(t, address, propose(uid.CTImageStorage))
	var aborted *dimse.AbortError
	if _, err := a.Store(testContext(t), storeOf(pattern(1<<20))); !errors.As(err, &aborted) {
		t.Errorf("store: %v", err)
	}
	b := dial(t, address, propose(uid.StudyRootFind))
	for _, err := range b.Find(testContext(t), dimse.FindRequest{SOPClass: uid.StudyRootFind}) {
		if !errors.As(err, &aborted) {
			t.Errorf("find: %v", err)
		}
	}
	if err := other.Echo(testContext(t)); err != nil {
		t.Error(err)
	}
	if s := text.String(); !strings.Contains(s, "bug in store") || !strings.Contains(s, "ugly_server_test.go") {
		t.Errorf("log lacks the stack: %s", s)
	}
}
