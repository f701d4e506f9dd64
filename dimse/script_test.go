package dimse_test

import (
	"io"
	"net"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// script is a peer that says exactly what a test tells it to.
type script struct {
	t    testing.TB
	conn net.Conn
}

func connect(t testing.TB, address string) *script {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = conn.Close() })
	return &script{t: t, conn: conn}
}

// associated connects and negotiates Verification as context 1, CT as context
// 3 and study root find as context 5.
func associated(t testing.TB, address string) *script {
	t.Helper()
	s := connect(t, address)
	s.send(request())
	if _, ok := s.receive().(*pdu.AssociateAC); !ok {
		t.Fatal("no association")
	}
	return s
}

func request() *pdu.AssociateRQ {
	maximum := uint32(16384)
	return &pdu.AssociateRQ{
		Version: 1, CalledAE: "PROVIDER", CallingAE: "SCRIPT", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ProposedContext{
			{ID: 1, AbstractSyntax: uid.Verification, TransferSyntaxes: []string{uid.ImplicitLE}},
			{ID: 3, AbstractSyntax: uid.CTImageStorage, TransferSyntaxes: []string{uid.ImplicitLE}},
			{ID: 5, AbstractSyntax: uid.StudyRootFind, TransferSyntaxes: []string{uid.ImplicitLE}},
		},
		User: pdu.UserInformation{MaxLength: &maximum, ImplementationUID: "1.2"},
	}
}

func (s *script) send(p pdu.PDU) {
	s.t.Helper()
	b, err := p.AppendTo(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.sendBytes(b)
}

func (s *script) sendBytes(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) command(contextID byte, c dimse.Command) {
	s.t.Helper()
	b, err := c.AppendTo(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(&pdu.Data{Values: []pdu.Value{{ContextID: contextID, Command: true, Last: true, Fragment: b}}})
}

func (s *script) data(contextID byte, last bool, b []byte) {
	s.t.Helper()
	s.send(&pdu.Data{Values: []pdu.Value{{ContextID: contextID, Last: last, Fragment: b}}})
}

// receive reads a PDU; nil is the end of the connection.
func (s *script) receive() pdu.PDU {
	s.t.Helper()
	p, err := pdu.Read(s.conn)
	if err != nil {
		return nil
	}
	return p
}

// answer reads a response.
func (s *script) answer() *dimse.Command {
	s.t.Helper()
	d, ok := s.receive().(*pdu.Data)
	if !ok || len(d.Values) == 0 || !d.Values[0].Command {
		s.t.Fatal("no response")
	}
	c, err := dimse.DecodeCommand(d.Values[0].Fragment)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *script) wantAbort() {
	s.t.Helper()
	for {
		switch p := s.receive().(type) {
		case *pdu.Data:
			continue
		case *pdu.Abort:
			return
		default:
			s.t.Fatalf("%T in place of an abort", p)
		}
	}
}

func (s *script) wantClosed() {
	s.t.Helper()
	if n, err := io.Copy(io.Discard, s.conn); err != nil {
		s.t.Fatalf("connection is still open after %d bytes: %v", n, err)
	}
}

func echoRQ(id uint16) dimse.Command {
	return dimse.Command{Field: dimse.CEchoRQ, MessageID: id, AffectedClass: uid.Verification}
}

func storeRQ(id uint16) dimse.Command {
	return dimse.Command{Field: dimse.CStoreRQ, MessageID: id, AffectedClass: uid.CTImageStorage, AffectedInstance: "1.2.3", HasData: true}
}

// stillAnswers checks that the server has survived.
func stillAnswers(t testing.TB, address string) {
	t.Helper()
	if err := dial(t, address, propose(uid.Verification, uid.ImplicitLE)).Echo(testContext(t)); err != nil {
		t.Error(err)
	}
}
