package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pacsbridge/dimse/dataset"
)

// image is the data set of an image with a large private element and a sequence before its study's UID.
func image(tb testing.TB, ts string, pixels int) []byte {
	tb.Helper()
	reference := dataset.New().SetString(dataset.ReferencedSOPInstanceUID, "1.2.9")
	b, err := dataset.New().
		SetString(dataset.SOPInstanceUID, "1.2.3.4").
		SetString(dataset.PatientID, "ID1").
		SetSequence(dataset.ReferencedStudySequence, reference, reference).
		Set(dataset.Element{Tag: 0x00190010, VR: dataset.LO, Value: []byte("MAKER ")}).
		Set(dataset.Element{Tag: 0x00191001, VR: dataset.OB, Value: bytes.Repeat([]byte{7}, dataset.MaxHeaderValue+2)}).
		SetString(dataset.StudyInstanceUID, "1.2.3").
		SetUint16(dataset.Rows, 16).
		Set(dataset.Element{Tag: dataset.PixelData, VR: dataset.OW, Value: make([]byte, pixels)}).
		AppendTo(nil, ts)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestPeekLosesNothing(t *testing.T) {
	for _, ts := range syntaxes {
		data := image(t, ts, 100_000)
		for how, r := range map[string]io.Reader{
			"at once":         bytes.NewReader(data),
			"byte by byte":    iotest.OneByteReader(bytes.NewReader(data)),
			"half by half":    iotest.HalfReader(bytes.NewReader(data)),
			"with early ends": iotest.DataErrReader(bytes.NewReader(data)),
		} {
			head, whole, err := dataset.Peek(r, ts, dataset.SeriesInstanceUID)
			if err != nil {
				t.Fatalf("%s, %s: %v", ts, how, err)
			}
			if got := head.String(dataset.StudyInstanceUID); got != "1.2.3" {
				t.Errorf("%s, %s: StudyInstanceUID = %q", ts, how, got)
			}
			for _, tag := range []dataset.Tag{0x00191001, dataset.Rows, dataset.PixelData, dataset.ReferencedStudySequence} {
				if head.Has(tag) {
					t.Errorf("%s, %s: %s is in the head", ts, how, tag)
				}
			}
			if back, err := io.ReadAll(whole); err != nil || !bytes.Equal(back, data) {
				t.Errorf("%s, %s: the data set is not whole: %d of %d bytes, %v", ts, how, len(back), len(data), err)
			}
		}
	}
}

func TestPeekLosesNothingOfWhatIsBroken(t *testing.T) {
	broken := errors.New("the line broke")
	data := image(t, explicitLE, 100)
	for at := 0; at < len(data); at += 97 {
		head, whole, err := dataset.Peek(io.MultiReader(bytes.NewReader(data[:at]), iotest.ErrReader(broken)), explicitLE, dataset.PixelData)
		if at < len(data)-200 && !errors.Is(err, broken) {
			t.Errorf("broken after %d bytes: %v", at, err)
		}
		if at > 100 && head.String(dataset.PatientID) != "ID1" {
			t.Errorf("broken after %d bytes: what came before is not in the head", at)
		}
		back, err := io.ReadAll(whole)
		if !bytes.Equal(back, data[:at]) || !errors.Is(err, broken) {
			t.Errorf("broken after %d bytes: %d come back, then %v", at, len(back), err)
		}
	}
	garbage := strings.Repeat("no data set ", 1000)
	_, whole, err := dataset.Peek(strings.NewReader(garbage), implicitLE, dataset.PixelData)
	if back, _ := io.ReadAll(whole); err == nil || string(back) != garbage {
		t.Errorf("garbage: %v, %d bytes come back", err, len(back))
	}
}

func TestReadHeader(t *testing.T) {
	for _, ts := range syntaxes {
		data := image(t, ts, 100)
		head, err := dataset.ReadHeader(bytes.NewReader(data), ts, dataset.PixelData, 0)
		if err != nil {
			t.Fatal(err)
		}
		if rows, _ := head.Int(dataset.Rows); rows != 16 || head.Has(0x00191001) || head.Has(dataset.PixelData) {
			t.Errorf("%s: the header is %+v", ts, head)
		}
		items := head.Sequence(dataset.ReferencedStudySequence)
		if len(items) != 2 || items[1].String(dataset.ReferencedSOPInstanceUID) != "1.2.9" {
			t.Errorf("%s: the sequence is %+v", ts, items)
		}
		head, err = dataset.ReadHeader(bytes.NewReader(data), ts, dataset.PixelData, 1000)
		if !errors.Is(err, dataset.ErrTooLarge) || head.String(dataset.PatientID) != "ID1" {
			t.Errorf("%s: with a limit of 1000 bytes: %v, %v", ts, head, err)
		}
	}
}

func TestReadHeaderLeavesOutWhatIsLarge(t *testing.T) {
	large := dataset.New().Set(dataset.Element{Tag: 0x00091001, VR: dataset.OB, Value: make([]byte, dataset.MaxHeaderValue)})
	d := dataset.New().
		SetString(dataset.SOPInstanceUID, "1.2").
		SetSequence(dataset.ReferencedStudySequence, dataset.New().SetString(dataset.PatientID, "x"), large).
		SetString(dataset.StudyInstanceUID, "1.3")
	data, err := d.AppendTo(nil, explicitLE)
	if err != nil {
		t.Fatal(err)
	}
	head, err := dataset.ReadHeader(bytes.NewReader(data), explicitLE, dataset.PixelData, 0)
	if err != nil || !head.Equal(d.Delete(dataset.ReferencedStudySequence)) {
		t.Errorf("the header is %+v, %v", head, err)
	}
}
