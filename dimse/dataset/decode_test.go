package dataset_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// sample has an element of most kinds.
func sample() *dataset.Dataset {
	return dataset.New().
		SetString(dataset.SpecificCharacterSet, "ISO_IR 192").
		SetString(dataset.StudyDate, "20260131").
		SetString(dataset.ModalitiesInStudy, "CT", "MR").
		SetString(dataset.PatientName, "王^小东").
		SetString(dataset.StudyInstanceUID, "1.2.3").
		SetString(dataset.AccessionNumber).
		SetUint16(dataset.Rows, 512).
		SetSequence(dataset.ReferencedStudySequence).
		SetSequence(dataset.ContentSequence,
			dataset.New().SetText(0x0040A160, `a\b`).SetUint16(dataset.Columns, 258),
			dataset.New(),
			dataset.New().SetSequence(dataset.ContentSequence, dataset.New().SetString(dataset.PatientID, "7"))).
		Set(dataset.Element{Tag: 0x00091001, VR: dataset.FD, Value: []byte{1, 2, 3, 4, 5, 6, 7, 8}}).
		Set(dataset.Element{Tag: 0x00091002, VR: dataset.AT, Value: []byte{8, 0, 0x18, 0}}).
		Set(dataset.Element{Tag: 0x00091003, VR: "ZZ", Value: []byte("ab")}).
		Set(dataset.Element{Tag: 0x00091004, VR: "??", Value: []byte("ab")}).
		Set(dataset.Element{Tag: 0x00091005, VR: dataset.UN, Items: []*dataset.Dataset{dataset.New().SetUint16(dataset.Rows, 3)}}).
		Set(dataset.Element{Tag: 0x00091006, VR: dataset.UN, Items: []*dataset.Dataset{}})
}

func TestDataSetsRoundTrip(t *testing.T) {
	for _, ts := range syntaxes {
		b, err := sample().AppendTo([]byte("before"), ts)
		if err != nil {
			t.Fatal(err)
		}
		b, found := bytes.CutPrefix(b, []byte("before"))
		if !found {
			t.Error("AppendTo does not append")
		}
		if n, err := dataset.Check(bytes.NewReader(b), ts); err != nil || n != int64(len(b)) {
			t.Errorf("%s: Check = %d of %d, %v", uid.Name(ts), n, len(b), err)
		}
		back, err := dataset.Decode(b, ts)
		if err != nil {
			t.Fatal(err)
		}
		if ts != implicitLE && !back.Equal(sample()) {
			t.Errorf("%s: got %+v", uid.Name(ts), back)
		}
		again, err := back.AppendTo(nil, ts)
		if err != nil || ts != implicitLE && !bytes.Equal(again, b) {
			t.Errorf("%s: encoded again it is other bytes: %v", uid.Name(ts), err)
		}
		if twice, err := dataset.Decode(again, ts); err != nil || !twice.Equal(back) {
			t.Errorf("%s: decoded again it is another data set: %v", uid.Name(ts), err)
		}
		if rows, ok := back.Int(dataset.Rows); rows != 512 || !ok {
			t.Errorf("%s: Rows = %d, %v", uid.Name(ts), rows, ok)
		}
		item := back.Sequence(dataset.ContentSequence)[2].Sequence(dataset.ContentSequence)[0]
		if got := item.String(dataset.PatientID); got != "7" {
			t.Errorf("%s: the nested PatientID is %q", uid.Name(ts), got)
		}
		if n, ok := back.Sequence(0x00091005)[0].Int(dataset.Rows); n != 3 || !ok {
			t.Errorf("%s: the number within UN is %d, %v", uid.Name(ts), n, ok)
		}
	}
}

func TestBigEndianNumbersAreTurned(t *testing.T) {
	b := unhex(t, `00 08 00 01 55 4C 00 04 01 02 03 04   00 28 00 10 55 53 00 02 02 00
		7F E0 00 10 4F 57 00 00 00 00 00 05 01 02 03 04 05`)
	d, err := dataset.Decode(b, explicitBE)
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[dataset.Tag]string{
		0x00080001: "\x04\x03\x02\x01", dataset.Rows: "\x00\x02", dataset.PixelData: "\x02\x01\x04\x03\x05",
	} {
		if e, _ := d.Lookup(tag); string(e.Value) != want {
			t.Errorf("%s = %x, want %x", tag, e.Value, want)
		}
	}
	if back, err := d.AppendTo(nil, explicitBE); err != nil || !bytes.Equal(back, b) {
		t.Errorf("encoded again: %x, %v", back, err)
	}
}

func TestOddIdentifiersAreRead(t *testing.T) {
	for _, c := range []struct {
		what, ts, bytes string
		tag             dataset.Tag
		want            string
		notes           int
	}{
		{"a UID padded with a space", explicitLE, `20 00 0D 00 55 49 04 00 31 2E 32 20`, dataset.StudyInstanceUID, "1.2", 0},
		{"a UID padded with NULs", explicitLE, `20 00 0D 00 55 49 06 00 31 2E 32 00 00 00`, dataset.StudyInstanceUID, "1.2", 0},
		{"text padded with NUL", explicitLE, `10 00 20 00 4C 4F 04 00 31 32 33 00`, dataset.PatientID, "123", 0},
		{"leading spaces are part of an identifier", explicitLE, `10 00 20 00 4C 4F 04 00 20 31 32 33`, dataset.PatientID, " 123", 0},
		{"leading spaces are none of a number", explicitLE, `20 00 11 00 49 53 04 00 20 31 32 33`, dataset.SeriesNumber, "123", 0},
		{"an odd length", explicitLE, `10 00 20 00 4C 4F 03 00 31 32 33`, dataset.PatientID, "123", 0},
		{"an empty value", implicitLE, `10 00 20 00 00 00 00 00`, dataset.PatientID, "", 0},
		{"several values", implicitLE, `08 00 61 00 06 00 00 00 43 54 5C 4D 52 20`, dataset.ModalitiesInStudy, "CT", 0},
		{"tags out of order", implicitLE, `10 00 20 00 02 00 00 00 31 32  08 00 60 00 02 00 00 00 43 54`, dataset.Modality, "CT", 1},
		{"a tag twice", implicitLE, `10 00 20 00 02 00 00 00 31 32  10 00 20 00 02 00 00 00 33 34`, dataset.PatientID, "12", 1},
		{"a tag twice, out of order", implicitLE,
			`10 00 20 00 02 00 00 00 31 32  08 00 60 00 02 00 00 00 43 54 10 00 20 00 02 00 00 00 33 34`, dataset.PatientID, "12", 2},
		{"a known attribute as UN", explicitLE, `20 00 0D 00 55 4E 00 00 04 00 00 00 31 2E 32 00`, dataset.StudyInstanceUID, "1.2", 0},
		{"a private attribute", implicitLE, `09 00 10 00 04 00 00 00 41 42 43 20`, 0x00090010, "ABC", 0},
		{"group lengths", implicitLE, `10 00 00 00 04 00 00 00 0A 00 00 00  10 00 20 00 02 00 00 00 31 32`, dataset.PatientID, "12", 0},
	} {
		d, notes, err := dataset.DecodeNoting(unhex(t, c.bytes), c.ts)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if got := d.String(c.tag); got != c.want || len(notes) != c.notes {
			t.Errorf("%s: %q with %d notes, want %q with %d", c.what, got, len(notes), c.want, c.notes)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := unhex(t, sequenceWithDelimiters)
	for what, garbage := range map[string][]byte{"text": []byte("garbage behind it"), "a byte": {0}, "zeros": make([]byte, 64)} {
		_, err := dataset.Decode(append(bytes.Clone(whole), garbage...), explicitLE)
		var malformed *dataset.MalformedError
		if !errors.As(err, &malformed) {
			t.Errorf("a data set with %s behind it: %v", what, err)
		}
	}
	tooMany := bytes.Repeat([]byte("\x08\x00\x18\x00UI\x00\x00"), 2000)
	for what, c := range map[string]struct {
		bytes []byte
		ts    string
		want  error
	}{
		"more than MaxSize":         {make([]byte, dataset.MaxSize+1), explicitLE, dataset.ErrTooLarge},
		"a flood of empty elements": {tooMany, explicitLE, dataset.ErrTooLarge},
		"encapsulated pixel data":   {unhex(t, `E0 7F 10 00 4F 42 00 00 FF FF FF FF FE FF DD E0 00 00 00 00`), uid.RLE, dataset.ErrFragments},
		"a deflated flood":          {bomb(t, 2<<20), deflatedLE, dataset.ErrTooLarge},
	} {
		if _, err := dataset.Decode(c.bytes, c.ts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// bomb is a deflated data set of one element with n zeros.
func bomb(tb testing.TB, n int) []byte {
	tb.Helper()
	d := dataset.New().Set(dataset.Element{Tag: dataset.PixelData, VR: dataset.OW, Value: make([]byte, n)})
	b, err := d.AppendTo(nil, deflatedLE)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestEncodeRefuses(t *testing.T) {
	deep := dataset.New()
	for range dataset.MaxDepth + 1 {
		deep = dataset.New().SetSequence(dataset.ContentSequence, deep)
	}
	for what, d := range map[string]*dataset.Dataset{
		"sequences too deep":      deep,
		"a value too long for LO": dataset.New().SetString(dataset.PatientID, strings.Repeat("1", 1<<16)),
		"a VR of one letter":      {Elements: []dataset.Element{{Tag: dataset.PatientID, VR: "L"}}},
	} {
		if _, err := d.AppendTo(nil, explicitLE); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := dataset.New().AppendTo(nil, "1.2.3"); err == nil {
		t.Error("an unknown transfer syntax: no error")
	}
}

func TestValues(t *testing.T) {
	d := sample()
	d.SetString(dataset.SeriesNumber, "-12").SetString(dataset.NumberOfFrames, "x").
		SetString(dataset.BitsAllocated, "16").Delete(dataset.Columns).Delete(dataset.StudyDate)
	if got := d.Strings(dataset.ModalitiesInStudy); len(got) != 2 || got[1] != "MR" {
		t.Errorf("Strings = %q", got)
	}
	if n, ok := d.Int(dataset.SeriesNumber); n != -12 || !ok {
		t.Errorf("SeriesNumber = %d, %v", n, ok)
	}
	if n, ok := d.Int(dataset.BitsAllocated); n != 16 || !ok {
		t.Errorf("BitsAllocated = %d, %v", n, ok)
	}
	for _, tag := range []dataset.Tag{dataset.NumberOfFrames, dataset.Columns, dataset.AccessionNumber} {
		if n, ok := d.Int(tag); ok {
			t.Errorf("%s = %d, though it is no number", tag, n)
		}
	}
	if d.Has(dataset.StudyDate) || !d.Has(dataset.AccessionNumber) || d.Sequence(dataset.PatientName) != nil {
		t.Error("what is there and what is not is confused")
	}
	var none *dataset.Dataset
	if none.Has(dataset.PatientID) || none.String(dataset.PatientID) != "" || none.Text(dataset.PatientID) != "" {
		t.Error("a data set that is nil has something")
	}
}

func TestTags(t *testing.T) {
	tag, found := dataset.FindTag("StudyInstanceUID")
	if tag != dataset.StudyInstanceUID || !found || tag.String() != "(0020,000D)" {
		t.Errorf("FindTag = %s, %v", tag, found)
	}
	if tag, found := dataset.FindTag("StudyComments"); tag != 0x00324000 || !found {
		t.Errorf("FindTag of a retired keyword = %s, %v", tag, found)
	}
	if _, found := dataset.FindTag("NoSuchThing"); found || dataset.Keyword(0x00091001) != "" {
		t.Error("the dictionary knows what there is not")
	}
	for tag, want := range map[dataset.Tag]dataset.VR{
		dataset.PatientName: dataset.PN, dataset.ContentSequence: dataset.SQ, 0x00080000: dataset.UL, 0x00090010: dataset.LO,
		0x00091001: dataset.UN, 0x00283006: dataset.OW, 0x00041400: dataset.UL, 0x00080099: dataset.UN,
	} {
		if got := dataset.DictionaryVR(tag); got != want {
			t.Errorf("DictionaryVR(%s) = %s, want %s", tag, got, want)
		}
	}
}
