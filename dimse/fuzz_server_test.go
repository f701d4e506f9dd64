package dimse_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// alarm is a slog.Handler that keeps the last line of level Error: panics are
// caught, and show there.
type alarm struct {
	slog.Handler
	mu   sync.Mutex
	last string
}

func (a *alarm) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (a *alarm) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelError {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = r.Message
	r.Attrs(func(attribute slog.Attr) bool { a.last += " " + attribute.String(); return true })
	return nil
}

func (a *alarm) message() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// serveOnPipes runs a server that has every handler.
func serveOnPipes(f *testing.F, log *alarm) *pipes {
	f.Helper()
	listener := newPipes()
	server := &dimse.Server{
		Handlers: dimse.Handlers{
			Store: discard, Find: &finder{n: 2, ended: make(chan error, 1<<20)}, Move: mover{n: 2}, Get: sender{pattern(2000)},
			Action: dimse.CommitHandler(func(context.Context, dimse.ActionQuery, dimse.CommitRequest) error { return nil }),
			Event:  dimse.CommitResults(func(context.Context, dimse.Request, dimse.CommitResult) error { return nil }),
		},
		Identify: func(dimse.AssociateRequest) ([]byte, error) { return []byte("ok"), nil },
		Extend:   func(p dimse.Proposal) []byte { return p.Extended },
		Logger:   slog.New(log),
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	f.Cleanup(func() { cancel(); <-ended })
	return listener
}

// everyClass is a request for all that serveOnPipes does; class n has context
// 2n+1.
func everyClass() *pdu.AssociateRQ {
	rq := request()
	rq.Contexts = nil
	rq.User.AsyncWindow = &pdu.AsyncWindow{Invoked: 4, Performed: 1}
	for i, class := range []string{
		uid.Verification, uid.CTImageStorage, uid.StudyRootFind, uid.StudyRootMove, uid.StudyRootGet, uid.StorageCommitment, uid.SecondaryCapture,
	} {
		rq.Contexts = append(rq.Contexts, pdu.ProposedContext{ID: byte(2*i + 1), AbstractSyntax: class, TransferSyntaxes: []string{uid.ExplicitLE}})
	}
	rq.User.Roles = []pdu.Role{{SOPClass: uid.SecondaryCapture, SCU: true, SCP: true}}
	return rq
}

// saying is a message in one P-DATA-TF.
func saying(f *testing.F, context byte, c dimse.Command, data []byte) []byte {
	f.Helper()
	command, err := c.AppendTo(nil)
	if err != nil {
		f.Fatal(err)
	}
	values := []pdu.Value{{ContextID: context, Command: true, Last: true, Fragment: command}}
	if c.HasData {
		values = append(values, pdu.Value{ContextID: context, Last: true, Fragment: data})
	}
	b, err := (&pdu.Data{Values: values}).AppendTo(nil)
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// conversations are what honest users say once they are associated.
func conversations(f *testing.F) (all [][]byte) {
	f.Helper()
	identifier, err := dataset.New().SetString(dataset.QueryRetrieveLevel, "STUDY").SetString(dataset.StudyInstanceUID, "1.2").AppendTo(nil, uid.ExplicitLE)
	if err != nil {
		f.Fatal(err)
	}
	say := func(context byte, c dimse.Command, data []byte) { all = append(all, saying(f, context, c, data)) }
	say(1, echoRQ(1), nil)
	say(3, storeRQ(2), pattern(300))
	say(5, dimse.Command{Field: dimse.CFindRQ, MessageID: 3, AffectedClass: uid.StudyRootFind, HasData: true}, identifier)
	say(7, dimse.Command{Field: dimse.CMoveRQ, MessageID: 4, AffectedClass: uid.StudyRootMove, MoveDestination: "KNOWN", HasData: true}, identifier)
	say(9, dimse.Command{Field: dimse.CGetRQ, MessageID: 5, AffectedClass: uid.StudyRootGet, HasData: true}, identifier)
	say(11, dimse.Command{Field: dimse.NActionRQ, MessageID: 6, RequestedClass: uid.StorageCommitment, RequestedInstance: uid.StorageCommitmentPush, ActionType: 1, HasData: true}, identifier)
	say(11, dimse.Command{Field: dimse.NEventReportRQ, MessageID: 7, AffectedClass: uid.StorageCommitment, AffectedInstance: uid.StorageCommitmentPush, EventType: 1, HasData: true}, identifier)
	say(5, dimse.Command{Field: dimse.CCancelRQ, RespondedTo: 3}, nil)
	say(13, dimse.Command{Field: dimse.CStoreRSP, RespondedTo: 1}, nil)
	for _, p := range []pdu.PDU{&pdu.ReleaseRQ{}, &pdu.ReleaseRP{}, &pdu.Abort{}, everyClass()} {
		b, err := p.AppendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// FuzzServer says anything to a server, with an association or without: it must
// end the connection soon after the peer has, and must not panic.
func FuzzServer(f *testing.F) {
	opening, err := everyClass().AppendTo(nil)
	if err != nil {
		f.Fatal(err)
	}
	var whole []byte
	for _, b := range conversations(f) {
		f.Add(b, true)
		whole = append(whole, b...)
	}
	f.Add(whole, true)
	f.Add(opening, false)
	log := new(alarm)
	listener := serveOnPipes(f, log)
	f.Fuzz(func(t *testing.T, b []byte, associated bool) {
		ours, closed := listener.dial()
		heard := make(chan struct{})
		go func() { defer close(heard); _, _ = io.Copy(io.Discard, ours) }()
		_ = ours.SetWriteDeadline(time.Now().Add(patience))
		if associated {
			_, _ = ours.Write(opening)
		}
		if _, err := ours.Write(b); errors.Is(err, context.DeadlineExceeded) {
			t.Error("the server neither reads nor closes")
		}
		_ = ours.Close()
		<-heard
		select {
		case <-closed:
		case <-time.After(patience):
			t.Fatal("the server keeps a connection that the peer has closed")
		}
		if m := log.message(); m != "" {
			t.Fatal(m)
		}
	})
}
