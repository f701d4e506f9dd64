package bridge

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// sample is a data set with text, numbers of all widths, a sequence and pixels.
func sample() *dataset.Dataset {
	d := dataset.New().SetString(dataset.PatientName, "Doe^Jane").SetString(dataset.PatientID, "P1").
		SetString(dataset.SOPInstanceUID, "1.2.3").SetUint16(dataset.NewTag(0x0028, 0x0010), 2)
	d.SetSequence(dataset.NewTag(0x0040, 0x0275), dataset.New().SetString(dataset.PatientID, "inner"), dataset.New())
	d.Set(dataset.Element{Tag: dataset.NewTag(0x0009, 0x1010), VR: "UN", Value: []byte("private ")})
	d.Set(dataset.Element{Tag: dataset.NewTag(0x0028, 0x3006), VR: "US", Value: []byte{1, 2, 3, 4}})
	d.Set(dataset.Element{Tag: dataset.PixelData, VR: "OW", Value: []byte{1, 2, 3, 4, 5, 6, 7, 8}})
	return d
}

func printOf(t *testing.T, d *dataset.Dataset, ts string) *fingerprint {
	t.Helper()
	encoded, err := d.AppendTo(nil, ts)
	if err != nil {
		t.Fatal(err)
	}
	f, err := takeFingerprint(iotest.HalfReader(bytes.NewReader(encoded)), ts, 0)
	if err != nil || f.malformed != nil {
		t.Fatalf("%v, %v", err, f.malformed)
	}
	return f
}

func TestAFingerprintDoesNotDependOnTheEncoding(t *testing.T) {
	original := printOf(t, sample(), uid.ExplicitLE)
	for _, ts := range []string{uid.ExplicitLE, uid.ImplicitLE, uid.ExplicitBE} {
		if c := compareFingerprints(original, printOf(t, sample(), ts)); !c.none() {
			t.Errorf("in %s: %s", uid.Name(ts), c)
		}
	}
}

func TestAFingerprintShowsEveryChange(t *testing.T) {
	original := printOf(t, sample(), uid.ExplicitLE)
	inner := dataset.NewTag(0x0040, 0x0275)
	for want, change := range map[string]func(*dataset.Dataset){
		"changed PatientName; pixel data identical": func(d *dataset.Dataset) { d.SetString(dataset.PatientName, "Doe^June") },
		"changed RequestAttributesSequence[0].PatientID; pixel data identical": func(d *dataset.Dataset) {
			d.SetSequence(inner, dataset.New().SetString(dataset.PatientID, "other"), dataset.New())
		},
		"changed RequestAttributesSequence; pixel data identical": func(d *dataset.Dataset) {
			d.SetSequence(inner, dataset.New().SetString(dataset.PatientID, "inner"))
		},
		"removed RequestAttributesSequence, RequestAttributesSequence[0].PatientID; pixel data identical": func(d *dataset.Dataset) { d.Delete(inner) },
		"changed (0009,1010); pixel data identical": func(d *dataset.Dataset) {
			d.Set(dataset.Element{Tag: dataset.NewTag(0x0009, 0x1010), VR: "UN", Value: []byte("privacy ")})
		},
		"changed LUTData; pixel data identical": func(d *dataset.Dataset) {
			d.Set(dataset.Element{Tag: dataset.NewTag(0x0028, 0x3006), VR: "US", Value: []byte{1, 2, 3, 0}})
		},
		"added PatientSex; pixel data identical": func(d *dataset.Dataset) { d.SetString(dataset.PatientSex, "F") },
		"pixel data differ": func(d *dataset.Dataset) {
			d.Set(dataset.Element{Tag: dataset.PixelData, VR: "OW", Value: []byte{1, 2, 3, 4, 5, 6, 7, 9}})
		},
		"the pixel data are gone": func(d *dataset.Dataset) { d.Delete(dataset.PixelData) },
	} {
		changed := sample()
		change(changed)
		for _, ts := range []string{uid.ExplicitLE, uid.ImplicitLE} {
			if c := compareFingerprints(original, printOf(t, changed, ts)); c.String() != want || c.none() {
				t.Errorf("in %s: %q, want %q", uid.Name(ts), c, want)
			}
		}
	}
}

func TestPaddingIsNoChangeAndATrailingZeroIsOne(t *testing.T) {
	value := func(vr dataset.VR, text string) valuePrint {
		f := printOf(t, func() *dataset.Dataset {
			d := dataset.New()
			d.Set(dataset.Element{Tag: dataset.NewTag(0x0009, 0x1010), VR: vr, Value: []byte(text)})
			return d
		}(), uid.ExplicitLE)
		return f.attributes["(0009,1010)"]
	}
	for _, c := range []struct {
		a, b  valuePrint
		equal bool
	}{
		{value("LO", "text"), value("LO", "text  "), true},
		{value("UI", "1.2\x00"), value("UI", "1.2 "), true},
		{value("LO", "text"), value("LO", "next"), false},
		{value("UN", "text"), value("LO", "text"), true},
		{value("US", "\x01\x00"), value("US", "\x01\x00\x00\x00"), false},
		{value("UN", "\x01\x00"), value("UN", "\x01\x00\x00\x00"), false},
		{value("OB", "\x01\x00"), value("OB", "\x01\x20"), false},
	} {
		if c.a.equal(c.b) != c.equal || c.b.equal(c.a) != c.equal {
			t.Errorf("%+v and %+v: equal is not %v", c.a, c.b, c.equal)
		}
	}
}

func TestAReaderThatFailsIsNoMalformedDataSet(t *testing.T) {
	o := dimsetest.Study(1, dimsetest.StudyOptions{Instances: 1})[0]
	trouble := errors.New("the line is cut")
	if f, err := takeFingerprint(io.MultiReader(bytes.NewReader(o.Data[:200]), iotest.ErrReader(trouble)), o.TransferSyntax, 0); !errors.Is(err, trouble) {
		t.Errorf("%+v, %v", f, err)
	}
	f, err := takeFingerprint(bytes.NewReader(o.Data[:200]), o.TransferSyntax, 0)
	if err != nil || f.malformed == nil || f.Bytes != 200 {
		t.Errorf("cut off: %+v, %v", f, err)
	}
}

func TestTheContentOfADocumentIsDigestedWithoutItsPadding(t *testing.T) {
	content := "%PDF-1.4 odd"[:11]
	d := dataset.New()
	d.Set(dataset.Element{Tag: encapsulatedDocument, VR: "OB", Value: []byte(content + "\x00")})
	encoded, err := d.AppendTo(nil, uid.ExplicitLE)
	if err != nil {
		t.Fatal(err)
	}
	f, err := takeFingerprint(bytes.NewReader(encoded), uid.ExplicitLE, int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := takeFingerprint(strings.NewReader(content), uid.ExplicitLE, 0)
	if f.content != whole.SHA256 || f.contentBytes != int64(len(content))+1 {
		t.Errorf("content %s of %d bytes, want %s", f.content, f.contentBytes, whole.SHA256)
	}
}

func FuzzFingerprint(f *testing.F) {
	for _, ts := range []string{uid.ExplicitLE, uid.ImplicitLE, uid.ExplicitBE} {
		encoded, _ := sample().AppendTo(nil, ts)
		f.Add(encoded, ts)
	}
	f.Fuzz(func(t *testing.T, data []byte, ts string) {
		first, err := takeFingerprint(bytes.NewReader(data), ts, 3)
		if err != nil {
			t.Fatal(err)
		}
		second, _ := takeFingerprint(iotest.OneByteReader(bytes.NewReader(data)), ts, 3)
		if c := compareFingerprints(first, second); !c.none() || first.SHA256 != second.SHA256 || first.Bytes != int64(len(data)) {
			t.Errorf("two looks at one data set differ: %s", c)
		}
	})
}
