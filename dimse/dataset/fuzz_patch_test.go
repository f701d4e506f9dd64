package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// FuzzPatch makes any change to any data set.
func FuzzPatch(f *testing.F) {
	add := func(b []byte, choice byte) { f.Add(b, choice, uint32(0x00081110), uint32(0x00081150), "1.2.3", true) }
	add(unhex(f, sequenceWithDelimiters), 1)
	add(unhex(f, `08 00 10 11 53 51 00 00 12 00 00 00  FE FF 00 E0 0A 00 00 00  08 00 50 11 55 49 02 00 31 00`), 1)
	for i, ts := range fuzzSyntaxes[:4] {
		b, err := sample().AppendTo(nil, ts)
		if err != nil {
			f.Fatal(err)
		}
		add(b, byte(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, choice byte, sequence, tag uint32, value string, set bool) {
		change := dataset.Change{Tag: dataset.Tag(tag)}
		if sequence != 0 {
			change.Within = []dataset.Place{{Sequence: dataset.Tag(sequence), Item: dataset.EveryItem}}
		}
		if set {
			change.Set = &dataset.Element{VR: dataset.UN, Value: []byte(value)}
		}
		checkPatch(t, b, fuzzSyntax(choice), change)
	})
}

// checkPatch makes a change to b, where that can be done, and looks at the outcome: it is sound, it is b where nothing was
// to be changed, and the same change again changes nothing.
func checkPatch(t *testing.T, b []byte, ts string, change dataset.Change) {
	t.Helper()
	_, sound := dataset.Check(bytes.NewReader(b), ts)
	patched, made, err := boundedPatch(t, b, ts, change)
	if err != nil {
		if sound == nil && !errors.Is(err, dataset.ErrTooLarge) && !errors.Is(err, dataset.ErrChange) {
			t.Errorf("the data set is sound, but: %v", err)
		}
		return
	}
	if _, err := dataset.Check(bytes.NewReader(patched), ts); err != nil {
		t.Errorf("patched, it is not sound: %v", err)
	}
	if made == 0 && ts != deflatedLE && !hasGroupLength(t, b, ts) && !bytes.Equal(patched, b) {
		t.Errorf("no change was made, but the data set is another")
	}
	var twice bytes.Buffer
	if _, err := dataset.Patch(&twice, bytes.NewReader(patched), ts, []dataset.Change{change}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(twice.Bytes(), patched) {
		t.Errorf("patched twice it is another data set")
	}
}

// boundedPatch patches within the bound of memory and time, to which the values count that are put in.
func boundedPatch(t *testing.T, b []byte, ts string, change dataset.Change) (patched []byte, made int, err error) {
	t.Helper()
	var counts []int
	out := bytes.NewBuffer(make([]byte, 0, 2*len(b)))
	patch := func() {
		out.Reset()
		counts, err = dataset.Patch(out, bytes.NewReader(b), ts, []dataset.Change{change})
	}
	patch()
	if counts == nil {
		return nil, 0, err
	}
	if ts != deflatedLE {
		length := 0
		if change.Set != nil {
			length = len(change.Set.Value)
		}
		dimsetest.Bounded(t, len(b)+counts[0]*2*(length+12)+out.Len(), patch)
	}
	return out.Bytes(), counts[0], err
}

// hasGroupLength reports whether there is a group length in the data set, which goes when its group is named by a change.
func hasGroupLength(t *testing.T, b []byte, ts string) bool {
	syntax, _ := uid.SyntaxOf(ts)
	scan := dataset.NewScanner(bytes.NewReader(b), syntax)
	for {
		token, err := scan.Next()
		if err == io.EOF {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		if token.Tag.Element() == 0 && token.Kind != dataset.ItemEnd && token.Kind != dataset.SequenceEnd {
			return true
		}
	}
}
