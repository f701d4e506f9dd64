package dataset_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

func text(vr dataset.VR, value string) *dataset.Element {
	return &dataset.Element{VR: vr, Value: []byte(value)}
}

// patched is data after changes, which were made as often as is told.
func patched(t *testing.T, data []byte, ts string, changes ...dataset.Change) ([]byte, []int) {
	t.Helper()
	var out bytes.Buffer
	made, err := dataset.Patch(&out, iotest.HalfReader(bytes.NewReader(data)), ts, changes)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := dataset.Check(bytes.NewReader(out.Bytes()), ts); err != nil || n != int64(out.Len()) {
		t.Fatalf("after the patch: Check = %d of %d, %v", n, out.Len(), err)
	}
	return out.Bytes(), made
}

// counted is a data set with a sequence whose lengths are told.
const counted = `08 00 10 11 53 51 00 00 2C 00 00 00
	FE FF 00 E0 0A 00 00 00  08 00 50 11 55 49 02 00 31 00
	FE FF 00 E0 12 00 00 00  08 00 50 11 55 49 02 00 32 00 FE FF 0D E0 00 00 00 00
	10 00 20 00 4C 4F 02 00 41 42`

// Places in it.
var (
	secondItem = []dataset.Place{{Sequence: 0x00081110, Item: 1}}
	everyItem  = []dataset.Place{{Sequence: 0x00081110, Item: dataset.EveryItem}}
)

// exactPatches are data sets, changes and what must come out.
var exactPatches = []struct {
	what, ts, before string
	change           dataset.Change
	after            string
	made             int
}{
	{
		"a value", explicitLE, `10 00 20 00 4C 4F 02 00 41 42  20 00 0D 00 55 49 02 00 31 00`,
		dataset.Change{Tag: dataset.PatientID, Set: text("", "123")},
		`10 00 20 00 4C 4F 04 00 31 32 33 20  20 00 0D 00 55 49 02 00 31 00`, 1,
	},
	{
		"a wrong VR stays", explicitLE, `10 00 20 00 53 48 02 00 41 42`,
		dataset.Change{Tag: dataset.PatientID, Set: text("", "12")}, `10 00 20 00 53 48 02 00 31 32`, 1,
	},
	{
		"a VR that is told", explicitLE, `10 00 20 00 53 48 02 00 41 42`,
		dataset.Change{Tag: dataset.PatientID, Set: text(dataset.LO, "12")}, `10 00 20 00 4C 4F 02 00 31 32`, 1,
	},
	{
		"taken out", explicitLE, `10 00 20 00 4C 4F 02 00 41 42  20 00 0D 00 55 49 02 00 31 00`,
		dataset.Change{Tag: dataset.PatientID}, `20 00 0D 00 55 49 02 00 31 00`, 1,
	},
	{
		"taken out of where it is not", explicitLE, `20 00 0D 00 55 49 02 00 31 00`,
		dataset.Change{Tag: dataset.PatientID}, `20 00 0D 00 55 49 02 00 31 00`, 0,
	},
	{
		"put in before another", explicitBE, `00 20 00 0D 55 49 00 02 31 00`,
		dataset.Change{Tag: dataset.Rows - 0x00180000, Set: &dataset.Element{VR: dataset.US, Value: []byte{1, 2}}},
		`00 10 00 10 55 53 00 02 02 01  00 20 00 0D 55 49 00 02 31 00`, 1,
	},
	{
		"put in at the end, implicit", implicitLE, `08 00 16 00 02 00 00 00 31 00`,
		dataset.Change{Tag: dataset.PatientID, Set: text("", "AB")}, `08 00 16 00 02 00 00 00 31 00  10 00 20 00 02 00 00 00 41 42`, 1,
	},
	{
		"a group length that would be wrong goes, others stay", explicitLE,
		`08 00 00 00 55 4C 04 00 0A 00 00 00  08 00 16 00 55 49 02 00 31 00  10 00 00 00 55 4C 04 00 0A 00 00 00  10 00 20 00 4C 4F 02 00 41 42`,
		dataset.Change{Tag: dataset.PatientID, Set: text("", "1234")},
		`08 00 00 00 55 4C 04 00 0A 00 00 00  08 00 16 00 55 49 02 00 31 00  10 00 20 00 4C 4F 04 00 31 32 33 34`, 1,
	},
	{
		"within an item counted by length", explicitLE, counted,
		dataset.Change{Within: secondItem, Tag: 0x00081150, Set: text("", "1.2.3.")},
		`08 00 10 11 53 51 00 00 30 00 00 00
		FE FF 00 E0 0A 00 00 00  08 00 50 11 55 49 02 00 31 00
		FE FF 00 E0 16 00 00 00  08 00 50 11 55 49 06 00 31 2E 32 2E 33 2E FE FF 0D E0 00 00 00 00
		10 00 20 00 4C 4F 02 00 41 42`, 1,
	},
	{
		"within every item", explicitLE, counted,
		dataset.Change{Within: everyItem, Tag: 0x00081150},
		`08 00 10 11 53 51 00 00 18 00 00 00
		FE FF 00 E0 00 00 00 00
		FE FF 00 E0 08 00 00 00  FE FF 0D E0 00 00 00 00
		10 00 20 00 4C 4F 02 00 41 42`, 2,
	},
	{
		"within an item that is not there", explicitLE, counted,
		dataset.Change{Within: []dataset.Place{{Sequence: 0x00081110, Item: 7}}, Tag: 0x00081150}, counted, 0,
	},
	{
		"within a sequence that is not there", explicitLE, counted,
		dataset.Change{Within: []dataset.Place{{Sequence: 0x00081111, Item: 0}}, Tag: 0x00081150}, counted, 0,
	},
	{
		"at the end of an item of undefined length", explicitLE, sequenceWithDelimiters,
		dataset.Change{Within: []dataset.Place{{Sequence: 0x00081110, Item: 1}}, Tag: 0x00081155, Set: text("", "12")},
		`08 00 16 00 55 49 02 00 31 00
		08 00 10 11 53 51 00 00 FF FF FF FF
		FE FF 00 E0 FF FF FF FF
		08 00 50 11 55 49 02 00 31 00
		FE FF 0D E0 00 00 00 00
		FE FF 00 E0 0A 00 00 00 08 00 55 11 55 49 02 00 31 32
		FE FF DD E0 00 00 00 00
		10 00 20 00 4C 4F 02 00 41 42`, 1,
	},
	{
		"within UN of undefined length", explicitLE,
		`09 00 01 10 55 4E 00 00 FF FF FF FF  FE FF 00 E0 0A 00 00 00  08 00 16 00 02 00 00 00 31 00  FE FF DD E0 00 00 00 00`,
		dataset.Change{Within: []dataset.Place{{Sequence: 0x00091001, Item: 0}}, Tag: 0x00080018, Set: text("", "12")},
		`09 00 01 10 55 4E 00 00 FF FF FF FF  FE FF 00 E0 14 00 00 00  08 00 16 00 02 00 00 00 31 00 08 00 18 00 02 00 00 00 31 32
		FE FF DD E0 00 00 00 00`, 1,
	},
	{
		"a sequence taken out", explicitLE, counted, dataset.Change{Tag: 0x00081110}, `10 00 20 00 4C 4F 02 00 41 42`, 1,
	},
	{
		"encapsulated pixel data taken out", uid.RLE,
		`E0 7F 10 00 4F 42 00 00 FF FF FF FF  FE FF 00 E0 00 00 00 00  FE FF DD E0 00 00 00 00 FC FF FC FF 4F 42 00 00 02 00 00 00 00 00`,
		dataset.Change{Tag: dataset.PixelData}, `FC FF FC FF 4F 42 00 00 02 00 00 00 00 00`, 1,
	},
}

func TestPatchIsExact(t *testing.T) {
	for _, c := range exactPatches {
		got, made := patched(t, unhex(t, c.before), c.ts, c.change)
		if want := unhex(t, c.after); !bytes.Equal(got, want) || made[0] != c.made {
			t.Errorf("%s, made %d times:\n got %x\nwant %x", c.what, made[0], got, want)
		}
	}
}

func TestPatchRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		change dataset.Change
		want   error
	}{
		"a delimiter":      {dataset.Change{Tag: 0xFFFEE00D}, dataset.ErrChange},
		"a group length":   {dataset.Change{Tag: 0x00080000}, dataset.ErrChange},
		"too long a value": {dataset.Change{Tag: dataset.PatientID, Set: text(dataset.LO, string(make([]byte, 1<<16)))}, dataset.ErrTooLarge},
	} {
		_, err := dataset.Patch(io.Discard, bytes.NewReader(nil), explicitLE, []dataset.Change{c.change})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	_, err := dataset.Patch(io.Discard, bytes.NewReader([]byte("no data set")), explicitLE, nil)
	var malformed *dataset.MalformedError
	if !errors.As(err, &malformed) {
		t.Errorf("garbage: %v", err)
	}
}

func TestPatchedFilesDifferInNothingElse(t *testing.T) {
	soundFiles(t, func(t *testing.T, name, ts string, data []byte) {
		same, _ := patched(t, data, ts)
		if syntax, _ := uid.SyntaxOf(ts); !syntax.Deflated && !bytes.Equal(same, data) {
			t.Errorf("%s: without a change it is another", name)
		}
		changed, made := patched(t, data, ts, dataset.Change{Tag: dataset.PatientID, Set: text(dataset.LO, "CHANGED1")})
		if made[0] != 1 {
			t.Errorf("%s: the change was made %d times", name, made[0])
		}
		before, after := elements(t, data, ts), elements(t, changed, ts)
		before[dataset.PatientID] = after[dataset.PatientID]
		delete(before, 0x00100000)
		if diff := cmp.Diff(before, after); diff != "" || after[dataset.PatientID] == "" {
			t.Errorf("%s: %s", name, diff)
		}
	})
}

// elements are the bytes of each element of the data set itself, all that is nested included.
func elements(t *testing.T, data []byte, ts string) map[dataset.Tag]string {
	t.Helper()
	syntax, _ := uid.SyntaxOf(ts)
	scan := dataset.NewScanner(bytes.NewReader(data), syntax)
	found := map[dataset.Tag]string{}
	var tag dataset.Tag
	for {
		token, err := scan.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if token.Depth == 0 && token.Tag.Group() != 0xFFFE && token.Kind != dataset.SequenceEnd {
			tag = token.Tag
		}
		value, err := scan.AppendValue(nil)
		if err != nil {
			t.Fatal(err)
		}
		found[tag] += fmt.Sprintf("%x %x ", scan.Header(), value)
	}
}
