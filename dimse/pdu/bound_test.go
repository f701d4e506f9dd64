package pdu_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/pdu"
)

// demanding are association requests that ask for as much memory as they can.
func demanding(t *testing.T) map[string][]byte {
	contexts := func(n, syntaxes, length int) []byte {
		rq := &pdu.AssociateRQ{Version: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: pdu.ApplicationContext}
		for i := range n {
			c := pdu.ProposedContext{ID: byte(2*i + 1), AbstractSyntax: "1.2.840.10008.5.1.4.1.1.2"}
			for j := range syntaxes {
				syntax := fmt.Sprintf("1.2.840.10008.1.2.4.%d.%s", j, strings.Repeat("1", length))
				c.TransferSyntaxes = append(c.TransferSyntaxes, syntax[:max(length, 1)])
			}
			rq.Contexts = append(rq.Contexts, c)
		}
		return encode(t, rq)
	}
	user := func(u pdu.UserInformation) []byte {
		return encode(t, &pdu.AssociateRQ{Version: 1, CalledAE: "A", CallingAE: "B", User: u})
	}
	roles := make([]pdu.Role, 500)
	for i := range roles {
		roles[i].SOPClass = strings.Repeat("1", 100)
	}
	unknown := make([]pdu.Item, 500)
	for i := range unknown {
		unknown[i] = pdu.Item{Type: 0x77, Data: make([]byte, 1)}
	}
	long := contexts(1, 3000, 17)
	return map[string][]byte{
		"128 contexts of 44 syntaxes": contexts(128, 44, 22),
		"128 contexts of 64 syntaxes": contexts(128, 64, 24),
		"many tiny syntaxes":          contexts(1, 1024, 1),
		"one context of 60 KB":        long,
		"half of it":                  long[:len(long)/2],
		"a length and no more":        {1, 0, 0, 1, 0, 0},
		"a token of 60 KB":            user(pdu.UserInformation{Identity: &pdu.UserIdentity{Type: pdu.IdentitySAML, Primary: make([]byte, 60_000)}}),
		"many roles":                  user(pdu.UserInformation{Roles: roles}),
		"many unknown items":          user(pdu.UserInformation{Unknown: unknown}),
		"body behind an abort":        append([]byte{7, 0, 0, 8, 0, 0}, make([]byte, 512<<10)...),
	}
}

func encode(t *testing.T, p pdu.PDU) []byte {
	t.Helper()
	b, err := p.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNoRequestTakesMoreMemoryThanItsLengthJustifies(t *testing.T) {
	for name, b := range demanding(t) {
		t.Run(name, func(t *testing.T) {
			dimsetest.Bounded(t, len(b), func() { _, _ = pdu.Read(bytes.NewReader(b)) })
		})
	}
}

// Toolkits propose all the syntaxes they know for 128 classes at once.
func TestTheLargestHonestRequestIsDecoded(t *testing.T) {
	p, err := pdu.Read(bytes.NewReader(demanding(t)["128 contexts of 64 syntaxes"]))
	if err != nil {
		t.Fatal(err)
	}
	if rq := p.(*pdu.AssociateRQ); len(rq.Contexts) != 128 || len(rq.Contexts[127].TransferSyntaxes) != 64 {
		t.Errorf("%d contexts", len(rq.Contexts))
	}
}

func TestDataIsNotReadWhereAnAssociationBegins(t *testing.T) {
	in := bytes.NewReader([]byte{4, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3})
	if p, err := pdu.ReadControl(in); err != nil || len(p.(*pdu.Data).Values) != 0 {
		t.Error(p, err)
	}
	if rest, _ := io.ReadAll(in); len(rest) != 3 {
		t.Errorf("%d bytes left", len(rest))
	}
}
