package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// newHospitalWithoutMove has an old archive that sends by C-GET and knows nobody it
// could send to by C-MOVE. What it sends to a control over C-MOVE is the yardstick.
func newHospitalWithoutMove(t *testing.T, old dimsetest.Peer, new, control *dimsetest.Orthanc) *hospital {
	t.Helper()
	h := &hospital{t: t, old: old, new: new, control: control}
	h.furnish(dimsetest.Peer{AE: "PACSBRIDGE", Address: dimsetest.FreeAddress(t)})
	text, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.config, bytes.Replace(text, []byte("old: {"), []byte("old: {retrieve: get, "), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRealFilesCrossByGetFromOrthanc(t *testing.T) {
	t.Parallel()
	new, control := newOrthancs(t)
	old := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "OLDPACS", Modalities: []dimsetest.Peer{control.Peer}})
	for _, file := range dimsetest.PydicomFiles(t) {
		upload(t, old, file)
	}
	newHospitalWithoutMove(t, old.Peer, new, control).crosses(100)
}

func TestRealFilesCrossByGetFromDcmqrscp(t *testing.T) {
	t.Parallel()
	new, control := newOrthancs(t)
	old := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{AE: "OLDPACS", Destinations: []dimsetest.Peer{control.Peer}})
	files := slices.DeleteFunc(dimsetest.PydicomFiles(t), func(file string) bool {
		contexts := dimsetest.ContextsOf(t, file)
		return len(contexts) == 0 || contexts[0].TransferSyntax != uid.ExplicitLE && contexts[0].TransferSyntax != uid.ImplicitLE
	})
	dimsetest.SendFiles(t, old.Peer, files...)
	newHospitalWithoutMove(t, old.Peer, new, control).crosses(40)
}

// TestCompressedFilesCrossByGetFromDcmqrscp: it sends all instances of a class in the first
// context that it accepted for it, so that the compressed one comes only by itself.
func TestCompressedFilesCrossByGetFromDcmqrscp(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2)
	l.edit("old: {", "old: {retrieve: get, ")
	for seed := range int64(3) {
		l.compress(110+seed, "CT", "dcmcjpeg", "dcmdjpeg")
	}
	files := l.files()
	old := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{AE: "OLDPACS", Args: []string{"--prefer-lossless"}})
	dimsetest.SendFiles(t, old.Peer, files...).Need(t)
	l.edit(l.old.Peer().Address, old.Address)
	l.run(exitOK, january...)
	l.arrived()
}

func TestAnOldThatOffersNoGetIsTold(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, "")
	l.edit("old: {", "old: {retrieve: get, ")
	l.old.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{RefuseContext: func(class, _ string) bool {
		return strings.HasSuffix(class, ".2.2.3") // study root, C-GET
	}}})
	l.mishap(exitFailed, []string{"check"}, "1 check of")
	l.mishap(exitFailed, january, "C-GET is not offered", "hint: have C-GET allowed at the old PACS for PACSBRIDGE, or set old.retrieve to move")
	l.old.SetFaults(dimsetest.Faults{})
	l.run(exitOK, "check")
	l.run(exitOK, january...)
	l.arrived()
	if n := l.old.Counts().Moves; n > 0 {
		t.Errorf("OLD was asked by C-MOVE %d times", n)
	}
}
