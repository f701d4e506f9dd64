package pdu_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/pdu"
)

// golden reads bytes written as hex, with comments behind a #.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pointer(v uint32) *uint32 { return &v }

var goldens = map[string]pdu.PDU{
	"associate_rq": &pdu.AssociateRQ{
		Version: 1, CalledAE: "NEWPACS", CallingAE: "PACSBRIDGE", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ProposedContext{{ID: 1, AbstractSyntax: "1.2.840.10008.1.1", TransferSyntaxes: []string{"1.2.840.10008.1.2"}}},
		User: pdu.UserInformation{
			MaxLength: pointer(131072), ImplementationUID: "2.25.1", ImplementationVersion: "PACSBRIDGE_1",
			AsyncWindow:    &pdu.AsyncWindow{Invoked: 16, Performed: 1},
			Roles:          []pdu.Role{{SOPClass: "1.2.840.10008.5.1.4.1.1.2", SCU: true, SCP: true}},
			Extended:       []pdu.Extended{{SOPClass: "1.2.840.10008.5.1.4.1.2.2.1", Information: []byte{1, 0, 1}}},
			CommonExtended: []pdu.CommonExtended{{SOPClass: "1.2.840.10008.5.1.4.1.1.88", ServiceClass: "1.2.840.10008.4.2", Related: []string{"1.2.", "1.23"}}},
			Identity:       &pdu.UserIdentity{Type: pdu.IdentityPasscode, Answer: true, Primary: []byte("admin"), Secondary: []byte("secret")},
			Unknown:        []pdu.Item{{Type: 0x7E, Data: []byte{0xAB, 0xCD}}},
		},
	},
	"associate_ac": &pdu.AssociateAC{
		Version: 1, CalledAE: "NEWPACS", CallingAE: "PACSBRIDGE", Reserved: [32]byte{31: 7}, ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.AnsweredContext{
			{ID: 1, Result: pdu.Acceptance, TransferSyntax: "1.2.840.10008.1.2"},
			{ID: 3, Result: pdu.AbstractSyntaxNotSupported},
		},
		User: pdu.UserInformation{MaxLength: pointer(16384), ImplementationUID: "2.25.1", IdentityAnswer: []byte("ok")},
	},
	"associate_rj": &pdu.AssociateRJ{Result: 2, Source: 3, Reason: 2},
	"data": &pdu.Data{Values: []pdu.Value{
		{ContextID: 1, Command: true, Last: true, Fragment: []byte{0xAA, 0xBB}},
		{ContextID: 1, Fragment: []byte{1, 2, 3, 4}},
	}},
	"release_rq": &pdu.ReleaseRQ{},
	"release_rp": &pdu.ReleaseRP{},
	"abort":      &pdu.Abort{Source: pdu.AbortByProvider, Reason: pdu.AbortUnexpectedPDU},
}

func TestGoldenPDUsDecodeAndEncodeToTheSameBytes(t *testing.T) {
	for name, want := range goldens {
		t.Run(name, func(t *testing.T) {
			b := golden(t, name)
			got, err := pdu.Read(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			again, err := got.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, again) {
				t.Errorf("encoded\n%x\nwant\n%x", again, b)
			}
		})
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	for name := range goldens {
		b := golden(t, name)
		for n := range len(b) {
			if _, err := pdu.Read(bytes.NewReader(b[:n])); err == nil {
				t.Errorf("%s cut to %d bytes of %d is taken", name, n, len(b))
			}
		}
	}
}

func TestWhatIsTooMuchIsMalformed(t *testing.T) {
	many := func(n int, item []byte) []byte { return bytes.Repeat(item, n) }
	header := make([]byte, 68)
	user := func(items []byte) []byte {
		return append(append([]byte{}, header...), append([]byte{0x50, 0, byte(len(items) >> 8), byte(len(items))}, items...)...)
	}
	for name, body := range map[string][]byte{
		"contexts":      append(append([]byte{}, header...), many(129, []byte{0x20, 0, 0, 4, 1, 0, 0, 0})...),
		"unknown items": append(append([]byte{}, header...), many(257, []byte{0x99, 0, 0, 0})...),
		"user items":    user(many(513, []byte{0x99, 0, 0, 0})),
		"lying length":  append(append([]byte{}, header...), 0x20, 0, 0xFF, 0xFF, 1),
	} {
		if _, err := pdu.Decode(pdu.TypeAssociateRQ, body); !errors.Is(err, pdu.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pdu.Read(bytes.NewReader([]byte{1, 0, 0xFF, 0xFF, 0xFF, 0xFF})); !errors.Is(err, pdu.ErrMalformed) {
		t.Errorf("4 GB request: %v", err)
	}
}

func TestTitlesLongerThanSixteenAreNotEncoded(t *testing.T) {
	rq := &pdu.AssociateRQ{CalledAE: "SEVENTEEN_LETTERS"}
	if _, err := rq.AppendTo(nil); err == nil {
		t.Error("no error")
	}
}

// FuzzDecode decodes, encodes and decodes again; both must say the same, within
// the bound of memory.
func FuzzDecode(f *testing.F) {
	for name := range goldens {
		f.Add(golden(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var first pdu.PDU
		var err error
		dimsetest.Bounded(t, len(b), func() { first, err = pdu.Read(bytes.NewReader(b)) })
		if err != nil {
			return
		}
		again, err := first.AppendTo(nil)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		second, err := pdu.Read(bytes.NewReader(again))
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Error(diff)
		}
	})
}
