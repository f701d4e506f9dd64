package dimse

import (
	"io"
	"log/slog"
	"net"
	"testing"

	"pacsbridge/dimse/pdu"
)

// Requestors that give every message the same ID send the next request as soon
// as they have read the last answer, before the operation's goroutine has ended.
func TestMessageIDIsFreeOnceTheLastAnswerIsSent(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	a := newAssociation(Acceptor, Sta6, ours, Timeouts{}.withDefaults(), slog.New(slog.DiscardHandler))
	if err := a.negotiated(new(pdu.UserInformation), 1); err != nil {
		t.Fatal(err)
	}
	m := &incoming{Command: &Command{Field: CFindRQ, MessageID: 1}, context: Context{ID: 1}}
	again := func() Status {
		second := *m
		return a.aside(&second, func(error) {}, func() {})
	}
	pending, final := make(chan Status, 1), make(chan Status, 1)
	a.aside(m, func(error) {}, func() {
		_ = a.respond(m, &Command{Status: StatusPending}, nil)
		pending <- again()
		_ = a.respond(m, &Command{Status: StatusSuccess}, nil)
		final <- again()
	})
	if s := <-pending; s != StatusDuplicateInvocation {
		t.Errorf("while it is being performed: %v", s)
	}
	if s := <-final; s != StatusSuccess {
		t.Errorf("after its last answer: %v", s)
	}
	a.tasks.Wait()
}
