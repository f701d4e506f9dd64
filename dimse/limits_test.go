package dimse_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// asks makes an association with a request that was changed.
func asks(t *testing.T, address string, change func(*pdu.AssociateRQ)) (*script, pdu.PDU) {
	t.Helper()
	s := connect(t, address)
	rq := request()
	change(rq)
	s.send(rq)
	return s, s.receive()
}

func TestEveryMaximumLengthOfAPeerIsHonoured(t *testing.T) {
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Find: &finder{n: 1, ended: make(chan error, 99)}}})
	for _, maximum := range []uint32{0, 7, 8, 9, 12, 127, 4096, 131072, 1<<32 - 1} {
		t.Run(fmt.Sprint(maximum), func(t *testing.T) {
			s, p := asks(t, address, func(rq *pdu.AssociateRQ) { rq.User.MaxLength = &maximum })
			if _, ok := p.(*pdu.AssociateAC); !ok {
				t.Fatalf("%+v", p)
			}
			s.command(5, dimse.Command{Field: dimse.CFindRQ, MessageID: 1, AffectedClass: uid.StudyRootFind, HasData: true})
			s.data(5, true, nil)
			command, _, longest := s.wholeMessage()
			if command.Status != dimse.StatusPending || maximum > 0 && longest > int(maximum) {
				t.Errorf("%+v in PDUs of %d bytes", command, longest)
			}
		})
	}
}

func TestEveryMaximumLengthOfAProviderIsHonoured(t *testing.T) {
	want := pattern(30_001)
	for _, maximum := range []uint32{0, 7, 8, 9, 12, 127, 4096, 131072, 1<<32 - 1} {
		t.Run(fmt.Sprint(maximum), func(t *testing.T) {
			got, longest := make(chan []byte, 1), 0
			address := provider(t, func(s *script) {
				s.acceptWithin(maximum)
				command, data, length := s.wholeMessage()
				longest = length
				s.command(1, dimse.Command{Field: dimse.CStoreRSP, RespondedTo: command.MessageID})
				got <- data
			})
			a := dial(t, address, propose(uid.CTImageStorage))
			if _, err := a.Store(testContext(t), storeOf(want)); err != nil {
				t.Fatal(err)
			}
			if data := <-got; !bytes.Equal(data, want) || maximum > 0 && longest > int(maximum) {
				t.Errorf("%d bytes in PDUs of %d", len(data), longest)
			}
		})
	}
	for maximum := uint32(1); maximum < pdu.MinMaxLength; maximum++ {
		address := provider(t, func(s *script) { s.acceptWithin(maximum); s.wantAbort() })
		dialer := dimse.Dialer{Address: address, CallingAE: "USER", CalledAE: "PROVIDER"}
		if _, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.CTImageStorage)}); err == nil {
			t.Errorf("%d: an association in which nothing fits", maximum)
		}
	}
}

// wholeMessage reads a command set and the data set behind it, and says how long
// the longest PDU was.
func (s *script) wholeMessage() (command *dimse.Command, data []byte, longest int) {
	s.t.Helper()
	var b []byte
	for {
		p, ok := s.receive().(*pdu.Data)
		if !ok {
			s.t.Fatal("no message")
		}
		length, ended := 0, false
		for _, v := range p.Values {
			length += 6 + len(v.Fragment)
			if v.Command {
				b = append(b, v.Fragment...)
			} else {
				data, ended = append(data, v.Fragment...), v.Last
			}
		}
		if longest = max(longest, length); ended {
			command, err := dimse.DecodeCommand(b)
			if err != nil {
				s.t.Fatal(err)
			}
			return command, data, longest
		}
	}
}

func TestMaximumLengthsThatLetNothingPassAreRejected(t *testing.T) {
	address := serve(t, &dimse.Server{})
	for maximum := uint32(1); maximum < pdu.MinMaxLength; maximum++ {
		if _, p := asks(t, address, func(rq *pdu.AssociateRQ) { rq.User.MaxLength = &maximum }); !isReject(p) {
			t.Errorf("%d: %+v", maximum, p)
		}
	}
}

func isReject(p pdu.PDU) bool {
	_, ok := p.(*pdu.AssociateRJ)
	return ok
}

func TestNumbersOfContexts(t *testing.T) {
	address := serve(t, &dimse.Server{})
	for _, n := range []int{0, 1, 128} {
		s, p := asks(t, address, func(rq *pdu.AssociateRQ) { rq.Contexts = contexts(n) })
		ac, ok := p.(*pdu.AssociateAC)
		if !ok || len(ac.Contexts) != n {
			t.Fatalf("%d contexts: %+v", n, p)
		}
		if n > 0 {
			s.command(ac.Contexts[n-1].ID, echoRQ(1))
			if c := s.answer(); c.Status != dimse.StatusSuccess {
				t.Errorf("%+v", c)
			}
		}
	}
	if _, p := asks(t, address, func(rq *pdu.AssociateRQ) { rq.Contexts = contexts(129) }); p != nil {
		if _, ok := p.(*pdu.Abort); !ok {
			t.Errorf("129 contexts: %+v", p)
		}
	}
	stillAnswers(t, address)
}

func contexts(n int) []pdu.ProposedContext {
	list := make([]pdu.ProposedContext, n)
	for i := range list {
		list[i] = pdu.ProposedContext{ID: byte(2*i + 1), AbstractSyntax: uid.Verification, TransferSyntaxes: []string{uid.ImplicitLE}}
	}
	return list
}

// A data set nested a hundred thousand deep costs its bytes and no more, as an
// instance and as an identifier.
func TestNestedDataSetsDoNotHurt(t *testing.T) {
	sequence := []byte{0x08, 0, 0x15, 0x11, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF}
	nested := bytes.Repeat(sequence, 25_000) // 400 KB
	v := new(keeper)
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: v, Find: &finder{n: 1, ended: make(chan error, 9)}}})
	s := associated(t, address)
	start := time.Now()
	s.command(3, storeRQ(1))
	s.data(3, true, nested)
	if c := s.answer(); c.Status != dimse.StatusSuccess || !bytes.Equal(v.instances()[0].data, nested) {
		t.Errorf("store: %+v", c)
	}
	s.command(5, dimse.Command{Field: dimse.CFindRQ, MessageID: 2, AffectedClass: uid.StudyRootFind, HasData: true})
	s.data(5, true, nested)
	if c := s.answer(); c.Status.Class() != dimse.Failure {
		t.Errorf("find: %+v", c)
	}
	if took := time.Since(start); took > patience/2 {
		t.Errorf("both took %v", took)
	}
}

func TestIdentifiersAreBoundedAndNeverInflated(t *testing.T) {
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Find: &finder{n: 1, ended: make(chan error, 9)}}})
	_, p := asks(t, address, func(rq *pdu.AssociateRQ) { rq.Contexts[2].TransferSyntaxes = []string{uid.DeflatedLE} })
	if ac, ok := p.(*pdu.AssociateAC); !ok || ac.Contexts[2].Result != pdu.TransferSyntaxesNotSupported {
		t.Errorf("deflated identifiers: %+v", p)
	}
	s := associated(t, address)
	s.command(5, dimse.Command{Field: dimse.CFindRQ, MessageID: 2, AffectedClass: uid.StudyRootFind, HasData: true})
	fragment, err := (&pdu.Data{Values: []pdu.Value{{ContextID: 5, Fragment: make([]byte, 64<<10)}}}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		_, _ = s.conn.Write(fragment) // the abort comes behind the first MiB
	}
	s.wantAbort()
}

func TestTheRightTitleFromTheWrongAddressIsRejected(t *testing.T) {
	_, allowed, _ := net.ParseCIDR("10.1.0.0/16")
	server := &dimse.Server{Admit: func(r dimse.AssociateRequest) error {
		if host, _, _ := net.SplitHostPort(r.RemoteAddr.String()); !allowed.Contains(net.ParseIP(host)) {
			return dimse.RejectCallingAE
		}
		return nil
	}}
	_, p := asks(t, serve(t, server), func(*pdu.AssociateRQ) {})
	if rj, ok := p.(*pdu.AssociateRJ); !ok || *rj != (pdu.AssociateRJ{Result: 1, Source: 1, Reason: 3}) {
		t.Errorf("%+v", p)
	}
}

func TestOneLineOfLogAnEvent(t *testing.T) {
	var text logs
	address := serve(t, &dimse.Server{Logger: logger(&text), AETitle: "US"})
	asks(t, address, func(rq *pdu.AssociateRQ) { rq.CalledAE, rq.CallingAE = "A\nlevel=ERROR", "B\r\nC" })
	stranger := connect(t, address)
	stranger.sendBytes([]byte("GET / HTTP/1.1\r\nlevel=ERROR msg=forged\r\n\r\n"))
	stranger.wantClosed()
	if s := text.String(); strings.Count(s, "\n") != strings.Count(s, "time=") || strings.Contains(s, "\nlevel=ERROR") {
		t.Error(s)
	}
}

func TestAssociationsOfOnePeerAreLimited(t *testing.T) {
	address := serve(t, &dimse.Server{MaxPerPeer: 1})
	dial(t, address, propose(uid.Verification))
	if _, p := asks(t, address, func(rq *pdu.AssociateRQ) { rq.CallingAE = "USER" }); !isReject(p) {
		t.Errorf("a second one: %+v", p)
	}
	if _, p := asks(t, address, func(*pdu.AssociateRQ) {}); isReject(p) {
		t.Error("another peer is rejected too")
	}
}

// What a peer sends in PDUs longer than we asked for is its mistake, and passes:
// nothing is held that could be too long (PS3.8 §D.1 binds the sender).
func TestPDUsLongerThanWeAskedForPass(t *testing.T) {
	k := new(keeper)
	s := associated(t, serve(t, &dimse.Server{MaxPDU: 4096, Handlers: dimse.Handlers{Store: k}}))
	s.command(3, storeRQ(1))
	s.data(3, true, pattern(100_000))
	if c := s.answer(); c.Status != dimse.StatusSuccess || !bytes.Equal(k.instances()[0].data, pattern(100_000)) {
		t.Errorf("%+v", c)
	}
}
