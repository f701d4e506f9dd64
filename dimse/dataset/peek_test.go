package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pacsbridge/dimse/dataset"
)

func TestPeekUIDsFindsWhatPeekFindsAndLosesNothing(t *testing.T) {
	for _, ts := range []string{explicitLE, implicitLE, explicitBE, deflatedLE} {
		data := image(t, ts, 64<<10)
		for at := range min(600, len(data)) {
			samePeek(t, data[:at], ts)
		}
		samePeek(t, data, ts)
	}
}

// samePeek compares PeekUIDs with Peek, however the bytes come.
func samePeek(t *testing.T, data []byte, ts string) {
	t.Helper()
	head, _, wantErr := dataset.Peek(bytes.NewReader(data), ts, dataset.SeriesInstanceUID+1)
	want := []string{head.String(dataset.SOPInstanceUID), head.String(dataset.StudyInstanceUID), head.String(dataset.SeriesInstanceUID)}
	for _, r := range []io.Reader{bytes.NewReader(data), iotest.DataErrReader(bytes.NewReader(data)), iotest.HalfReader(bytes.NewReader(data))} {
		got, whole, err := dataset.PeekUIDs(r, ts, dataset.SOPInstanceUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
		if !slices.Equal(got, want) || err == nil && wantErr != nil && want[2] == "" {
			t.Fatalf("%d bytes in %s: %q, %v; want %q, %v", len(data), ts, got, err, want, wantErr)
		}
		if again, err := io.ReadAll(whole); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%d bytes came back as %d, %v", len(data), len(again), err)
		}
	}
}

func TestPeekUIDsLooksBehindSequencesAndLongValues(t *testing.T) {
	item := dataset.New().SetString(dataset.StudyInstanceUID, "9.9")
	for _, size := range []int{2, 7 << 10, 20 << 10} {
		d := dataset.New().SetString(dataset.SOPInstanceUID, "1.1").SetString(dataset.StudyInstanceUID, "1.2")
		d.SetSequence(dataset.NewTag(0x0008, 0x1140), item, item)
		d.Set(dataset.Element{Tag: dataset.NewTag(0x0009, 0x1001), VR: dataset.OB, Value: make([]byte, size)})
		for _, ts := range []string{explicitLE, implicitLE} {
			data, err := d.AppendTo(nil, ts)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := dataset.PeekUIDs(bytes.NewReader(data), ts, dataset.StudyInstanceUID); err != nil || got[0] != "1.2" {
				t.Errorf("behind %d bytes in %s: %q, %v", size, ts, got, err)
			}
		}
	}
}

func TestPeekUIDsHandsTheReadersFaultOn(t *testing.T) {
	broken := errors.New("the line went dead")
	data := image(t, explicitLE, 64<<10)
	for _, at := range []int{0, 100, 9 << 10} {
		r := io.MultiReader(bytes.NewReader(data[:at]), iotest.ErrReader(broken))
		_, whole, _ := dataset.PeekUIDs(r, explicitLE, dataset.StudyInstanceUID)
		if again, err := io.ReadAll(whole); !errors.Is(err, broken) || !bytes.Equal(again, data[:at]) {
			t.Errorf("after %d bytes: %d came back, %v", at, len(again), err)
		}
	}
}

func BenchmarkPeekUIDsCT(b *testing.B) {
	data, ts := ctHeader(b)
	buffer, sink := make([]byte, 64<<10), struct{ io.Writer }{io.Discard}
	b.ReportAllocs()
	for b.Loop() {
		uids, whole, err := dataset.PeekUIDs(bytes.NewReader(data), ts, dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
		if err != nil || uids[0] == "" {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(sink, whole, buffer); err != nil {
			b.Fatal(err)
		}
	}
}
