package dimse_test

import (
	"context"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/pdu"
)

// oneAtATime is a server in memory that lets in one association; stop ends it.
func oneAtATime(t *testing.T, server *dimse.Server) (listener *pipes, stop func()) {
	t.Helper()
	listener = newPipes()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server.MaxAssociations = 1
	go func() { ended <- server.Serve(ctx, listener) }()
	return listener, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// script connects in memory; closed tells when the server has closed the
// connection.
func (p *pipes) script(t *testing.T) (s *script, closed <-chan struct{}) {
	t.Helper()
	conn, closed := p.dial()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &script{t: t, conn: conn}, closed
}

// One that is gone when its association is accepted must not be counted among
// the associations for ever.
func TestRequestorThatIsGoneBeforeTheAnswerHoldsNoPlace(t *testing.T) {
	listener, stop := oneAtATime(t, &dimse.Server{Grace: patience})
	opening, err := request().AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		conn, closed := listener.dial()
		if _, err := conn.Write(opening); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		<-closed
	}
	s, _ := listener.script(t)
	s.associate()
	s.send(&pdu.ReleaseRQ{})
	s.receive()
	_ = s.conn.Close()
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("the server ends after %v", took)
	}
}

// Who has seen the end of an association may ask for the next one at once.
func TestPeersThatComeBackAtOnceAreLetIn(t *testing.T) {
	listener, stop := oneAtATime(t, &dimse.Server{})
	defer stop()
	for name, end := range map[string]func(s *script, closed <-chan struct{}){
		"released":              func(s *script, _ <-chan struct{}) { s.send(&pdu.ReleaseRQ{}); s.receive() },
		"aborted":               func(s *script, closed <-chan struct{}) { s.send(&pdu.Abort{}); <-closed },
		"aborted by the server": func(s *script, _ <-chan struct{}) { s.sendBytes([]byte{0x42, 0, 0, 0, 0, 1, 0}); s.wantAbort() },
		"hung up":               func(s *script, closed <-chan struct{}) { _ = s.conn.Close(); <-closed },
		"hung up inside a PDU":  func(s *script, closed <-chan struct{}) { s.sendBytes([]byte{4, 0, 0}); _ = s.conn.Close(); <-closed },
		"released behind an answer": func(s *script, _ <-chan struct{}) {
			s.command(1, echoRQ(1))
			s.answer()
			s.send(&pdu.ReleaseRQ{})
			s.receive()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				s, closed := listener.script(t)
				s.associate()
				end(s, closed)
			}
		})
	}
}

// A peer that has released and keeps its connections holds no place of an
// association, but has only so many connections.
func TestConnectionsKeptBehindTheirReleaseAreCounted(t *testing.T) {
	listener, stop := oneAtATime(t, &dimse.Server{})
	defer stop()
	for range maxUnassociatedOfHost {
		s, _ := listener.script(t)
		s.associate()
		s.send(&pdu.ReleaseRQ{})
		s.receive()
	}
	_, closed := listener.script(t)
	select {
	case <-closed:
	case <-testContext(t).Done():
		t.Errorf("%d connections without an association are kept", maxUnassociatedOfHost+1)
	}
}
