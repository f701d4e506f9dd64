package dimse_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// echoGolden is the C-ECHO-RQ every DICOM node sends: group length, SOP class,
// command field, message ID, data set type.
const echoGolden = `
0000 0000 04000000 38000000
0000 0200 12000000 312E322E3834302E31303030382E312E3100
0000 0001 02000000 3000
0000 1001 02000000 0100
0000 0008 02000000 0101`

func TestEchoRequestIsTheBytesOfTheStandard(t *testing.T) {
	want, err := hex.DecodeString(strings.Join(strings.Fields(echoGolden), ""))
	if err != nil {
		t.Fatal(err)
	}
	c := echoRQ(1)
	got, err := c.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

var commands = []dimse.Command{
	echoRQ(1),
	storeRQ(7),
	{Field: dimse.CStoreRQ, MessageID: 9, AffectedClass: "1.2", AffectedInstance: "1.2.3", HasData: true, Priority: dimse.PriorityLow, MoveOriginatorAE: "MOVER", MoveOriginatorID: 3},
	{Field: dimse.CStoreRSP, RespondedTo: 9, Status: 0xA700, Comment: "disk full", Offending: []dataset.Tag{dataset.PixelData, dataset.StudyInstanceUID}},
	{Field: dimse.CMoveRQ, MessageID: 2, MoveDestination: "PACSBRIDGE", AffectedClass: uid.StudyRootMove, HasData: true},
	{Field: dimse.CMoveRSP, RespondedTo: 2, Status: 0xFF00, SubOperations: &dimse.SubOperations{Remaining: 3, Completed: 0, Failed: -1, Warning: 7}},
	{Field: dimse.CCancelRQ, RespondedTo: 2},
	{Field: dimse.NActionRQ, MessageID: 4, RequestedClass: uid.StorageCommitment, RequestedInstance: uid.StorageCommitmentPush, ActionType: 1, HasData: true},
}

func TestCommandsDecodeToWhatWasEncoded(t *testing.T) {
	for _, want := range commands {
		b, err := want.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dimse.DecodeCommand(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestAResponseWithoutAStatusIsNoSuccess: 0000H would be one (PS3.7 §9.3.1.2).
func TestAResponseWithoutAStatusIsNoSuccess(t *testing.T) {
	b, err := (&dimse.Command{Field: dimse.CStoreRSP, RespondedTo: 1, Status: dimse.StatusSOPClassNotSupported}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	status := bytes.Index(b, []byte{0, 0, 0, 9, 2, 0, 0, 0})
	var violation *dimse.ProtocolError
	if got, err := dimse.DecodeCommand(slices.Delete(b, status, status+10)); !errors.As(err, &violation) {
		t.Errorf("read as %v, %v", got, err)
	}
}

// FuzzCommand decodes, encodes and decodes again, within the bound of memory.
func FuzzCommand(f *testing.F) {
	for _, c := range commands {
		b, err := c.AppendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var first *dimse.Command
		var err error
		dimsetest.Bounded(t, len(b), func() { first, err = dimse.DecodeCommand(b) })
		if err != nil {
			return
		}
		again, err := first.AppendTo(nil)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		second, err := dimse.DecodeCommand(again)
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		third, err := second.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(again, third); diff != "" {
			t.Error(diff)
		}
	})
}
