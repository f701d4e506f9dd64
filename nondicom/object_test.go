package nondicom_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
)

const studyUID = "1.2.826.0.1.3680043.9.7433.1.1"

// identities are the owners that objects are made for.
var identities = map[string]nondicom.Identity{
	"nothing known": {StudyUID: studyUID},
	"record": nondicom.IdentityFromRecord(nondicom.Record{
		StudyKey: "17", StudyDate: "2026-01-31", StudyTime: "14:05:00", AccessionNumber: "A-17", PatientID: "P17", Issuer: "HOSPITAL", PatientName: "Doe^Jane",
		PatientBirthDate: "1960-02-29", PatientSex: "female", Description: strings.Repeat("Thorax \\ Abdomen ", 9), ReferringPhysician: "House^Gregory",
	}, studyUID),
	"Chinese record": nondicom.IdentityFromRecord(nondicom.Record{StudyKey: "18", PatientID: "病历18", PatientName: "张^三", PatientSex: "男", Description: "胸部CT平扫"}, studyUID),
	"Chinese images": nondicom.IdentityOf(dataset.New().
		Set(dataset.Element{Tag: dataset.SpecificCharacterSet, VR: "CS", Value: []byte("GB18030 ")}).
		Set(dataset.Element{Tag: dataset.PatientName, VR: "PN", Value: []byte("Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab ")}).
		SetString(dataset.PatientID, "4711").SetString(dataset.StudyInstanceUID, studyUID).SetString(dataset.StudyDate, "20260131").
		SetString(dataset.StudyTime, "101112.123").SetString(dataset.PatientSex, "O").SetString(dataset.AccessionNumber, "ACC")),
}

// document is a small PDF; an odd one has a byte more.
func document(odd bool) []byte {
	text := "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
	if len(text)%2 == 1 != odd {
		text += "\n"
	}
	return []byte(text)
}

// photograph is a small JPEG in colour or not, of odd or even length: a comment
// segment makes the difference.
func photograph(t *testing.T, colour, odd bool) []byte {
	t.Helper()
	var picture image.Image
	if rgba := image.NewRGBA(image.Rect(0, 0, 37, 21)); colour {
		for i := range rgba.Pix {
			rgba.Pix[i] = byte(i * 7)
		}
		picture = rgba
	} else {
		gray := image.NewGray(image.Rect(0, 0, 37, 21))
		gray.Set(3, 4, color.White)
		picture = gray
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	if len(whole)%2 == 1 != odd {
		whole = append([]byte{0xFF, 0xD8, 0xFF, 0xFE, 0, 3, 'x'}, whole[2:]...)
	}
	return whole
}

var letter = nondicom.Attachment{Key: "a1", StudyKey: "17", Location: "reports:2026/信.pdf", CreatedAt: "2026-01-31T14:05:06"}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// make makes an object of a content by what it is.
func makeObject(t *testing.T, id nondicom.Identity, a nondicom.Attachment, content []byte) *nondicom.Object {
	t.Helper()
	object, err := nondicom.ObjectOfAttachment(id, a, iotest.HalfReader(bytes.NewReader(content)), int64(len(content)), digest(content))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// part10 writes an object into a file and returns its name and data set.
func part10(t *testing.T, object *nondicom.Object) (path string, data []byte) {
	t.Helper()
	var b bytes.Buffer
	if n, err := object.WriteTo(&b); err != nil || n != object.Size || int64(b.Len()) != n {
		t.Fatalf("%d bytes of %d: %v", n, object.Size, err)
	}
	if n, err := dataset.Check(bytes.NewReader(b.Bytes()), object.TransferSyntax); err != nil || n != object.Size {
		t.Fatalf("the data set is not whole: %d, %v", n, err)
	}
	path = filepath.Join(t.TempDir(), "object.dcm")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	meta := dataset.FileMeta{SOPClassUID: object.SOPClass, SOPInstanceUID: object.SOPInstance, TransferSyntaxUID: object.TransferSyntax}
	if _, err := dataset.WritePart10(file, meta, bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	return path, b.Bytes()
}

func TestDocumentsComeBackAsTheyWere(t *testing.T) {
	for name, id := range identities {
		for _, odd := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				content := document(odd)
				object := makeObject(t, id, letter, content)
				if object.SOPClass != uid.EncapsulatedPDF || object.StudyUID != studyUID {
					t.Errorf("%+v", object)
				}
				path, _ := part10(t, object)
				valid(t, path)
				out := filepath.Join(t.TempDir(), "out.pdf")
				mustTool(t, "dcm2pdf", path, out)
				if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%d bytes came back of %d: %v", len(got), len(content), err)
				}
			})
		}
	}
}

func TestPhotographsComeBackAsTheyWere(t *testing.T) {
	for name, id := range identities {
		for _, colour := range []bool{false, true} {
			for _, odd := range []bool{false, true} {
				t.Run(name, func(t *testing.T) {
					content := photograph(t, colour, odd)
					object := makeObject(t, id, nondicom.Attachment{Key: "12", StudyKey: "17", Title: "手\\左", Location: "scans:x", Size: -1}, content)
					if object.SOPClass != uid.SecondaryCapture || object.TransferSyntax != uid.JPEGBaseline {
						t.Errorf("%+v", object)
					}
					path, _ := part10(t, object)
					valid(t, path)
					startsWith(t, pixelsOf(t, path), content)
					mustTool(t, "dcmj2pnm", path, filepath.Join(t.TempDir(), "out.pnm"))
					mustTool(t, "dcmdjpeg", path, filepath.Join(t.TempDir(), "out.dcm"))
				})
			}
		}
	}
}

var reports = map[string]nondicom.Record{
	"no text": {StudyKey: "17"},
	"all fields": {
		StudyKey: "17", StudyDate: "2026-01-31", StudyUID: studyUID, AccessionNumber: "A-17", PatientID: "P17", Issuer: "HOSPITAL", PatientName: "Doe^Jane",
		PatientBirthDate: "1960-02-29", PatientSex: "F", StudyTime: "14:05:00", Modality: "CT", Department: "RAD", Description: "CT \\ Thorax",
		ReferringPhysician: "House", ReportText: "Line one.\r\nLine \\two\x01.\n",
		Fields: []nondicom.Field{{"dose", "3.5"}, {"a column with a very long name", "x"}, {"备注", "无"}, {"empty", ""}, {"", "no name"}},
	},
	"long Chinese text": {StudyKey: "K-18", ReportText: strings.Repeat("胸部CT平扫：未见异常。日本語、Русский, ελληνικά, עברית.\n", 4000)},
}

func TestReportsAreReadByDCMTK(t *testing.T) {
	for name, id := range identities {
		for which, record := range reports {
			t.Run(name+", "+which, func(t *testing.T) {
				object, err := nondicom.ReportOfRecord(id, record)
				if err != nil {
					t.Fatal(err)
				}
				path, data := part10(t, object)
				valid(t, path)
				out := mustTool(t, "dsrdump", "+Pl", "+U8", path)
				out = strings.Replace(out, "W: The VR checker does not support this Specific Character Set: ISO_IR 192", "", 1)
				if strings.Contains(out, "W:") || strings.Contains(out, "E:") {
					t.Error(out)
				}
				for _, field := range record.Fields {
					if field.Value != "" && !strings.Contains(out, field.Value) {
						t.Errorf("%s is not in the document", field.Name)
					}
				}
				if got := reportTextOf(t, data); got != strings.ReplaceAll(record.ReportText, "\x01", "␁") {
					t.Errorf("%d bytes of text came back of %d", len(got), len(record.ReportText))
				}
			})
		}
	}
}

// reportTextOf finds the text of the second part of the document.
func reportTextOf(t *testing.T, data []byte) string {
	t.Helper()
	set, err := dataset.Decode(data, uid.ExplicitLE)
	if err != nil {
		t.Fatal(err)
	}
	content := dataset.Tag(0x0040A730)
	parts := set.Sequence(content)
	if len(parts) < 2 {
		return ""
	}
	return parts[1].Sequence(content)[0].Text(dataset.Tag(0x0040A160))
}

func TestTextKeepsItsLinesAndTabs(t *testing.T) {
	// PS3.5 §6.2 allows a tab in UT; dciodvfy of 2021 does not know it yet.
	text := "a\tb\nc\r\nd\fe \\ f"
	object, err := nondicom.ReportOfRecord(identities["record"], nondicom.Record{StudyKey: "1", ReportText: text + "\xFF\x00  "})
	if err != nil {
		t.Fatal(err)
	}
	if _, data := part10(t, object); reportTextOf(t, data) != text+"\uFFFD\u2400" {
		t.Errorf("%q", reportTextOf(t, data))
	}
}

func TestObjectsAreDeterministic(t *testing.T) {
	id := identities["record"]
	one, two := makeObject(t, id, letter, document(true)), makeObject(t, id, letter, document(true))
	_, a := part10(t, one)
	_, b := part10(t, two)
	if !bytes.Equal(a, b) || one.SOPInstance != two.SOPInstance {
		t.Error("the same document became another object")
	}
	other := makeObject(t, id, letter, document(false))
	if other.SOPInstance == one.SOPInstance || other.SeriesUID != one.SeriesUID {
		t.Error("another content needs another instance of the same series")
	}
	if err := errors.Join(uid.Valid(one.SOPInstance), uid.Valid(one.SeriesUID)); err != nil {
		t.Error(err)
	}
}

func TestTheImagesIdentityIsTaken(t *testing.T) {
	id := identities["Chinese images"]
	if id.PatientName != "Wang^XiaoDong=王^小东" || id.StudyTime != "101112.123" || id.StudyUID != studyUID {
		t.Fatalf("%+v", id)
	}
	_, data := part10(t, makeObject(t, id, letter, document(false)))
	set, err := dataset.ReadHeader(bytes.NewReader(data), uid.ExplicitLE, dataset.Tag(0x00420011), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if again := nondicom.IdentityOf(set); again != id {
		t.Errorf("%+v\nwant %+v", again, id)
	}
}

func TestContentOfAnotherLengthIsNoticed(t *testing.T) {
	content := document(false)
	for name, c := range map[string]struct {
		content io.Reader
		want    error
	}{
		"shorter": {bytes.NewReader(content[:20]), io.ErrUnexpectedEOF},
		"longer":  {io.MultiReader(bytes.NewReader(content), strings.NewReader("x")), nil},
		"broken":  {io.MultiReader(bytes.NewReader(content[:20]), iotest.ErrReader(os.ErrClosed)), os.ErrClosed},
	} {
		object, err := nondicom.EncapsulatePDF(identities["record"], letter, c.content, int64(len(content)), digest(content))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := object.WriteTo(io.Discard); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCannotBeMadeIsRefusedByKind(t *testing.T) {
	for kind, content := range map[string]string{
		"application/octet-stream": "\x00\x01\x02",
		"image/png":                "\x89PNG\r\n\x1a\n",
		"image/jpeg":               "\xFF\xD8\xFF\xC2\x00\x0B",
	} {
		_, err := nondicom.ObjectOfAttachment(identities["record"], letter, strings.NewReader(content), int64(len(content)), "")
		var unsupported *nondicom.UnsupportedError
		if !errors.As(err, &unsupported) || unsupported.Kind != kind || unsupported.Temporary() {
			t.Errorf("%s: %v", kind, err)
		}
	}
	long := nondicom.Identity{StudyUID: studyUID, PatientID: strings.Repeat("geheim", 20000)}
	var unsupported *nondicom.UnsupportedError
	if _, err := nondicom.ReportOfRecord(long, nondicom.Record{StudyKey: "1"}); !errors.As(err, &unsupported) || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v", err)
	}
	for _, size := range []int64{0, -1, 1 << 32} {
		if _, err := nondicom.EncapsulatePDF(identities["record"], letter, strings.NewReader(""), size, ""); !errors.As(err, &unsupported) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, err := nondicom.ObjectOfAttachment(identities["record"], letter, strings.NewReader(""), size, ""); !errors.As(err, &unsupported) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// zeros is a content of any size that nobody holds.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestALargeDocumentIsNotHeld(t *testing.T) {
	const size = 2<<30 + 1
	content := io.MultiReader(strings.NewReader("%PDF-1.4\n"), io.LimitReader(zeros{}, size-9))
	object, err := nondicom.ObjectOfAttachment(identities["record"], letter, content, size, strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n, err := object.WriteTo(io.Discard); err != nil || n != object.Size {
		t.Errorf("%d bytes of %d: %v", n, object.Size, err)
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<20 {
		t.Errorf("%d bytes were allocated", bytes)
	}
}

func TestDatesAndTimesOfACRNEMAComeInTodaysForm(t *testing.T) {
	id := nondicom.IdentityOf(dataset.New().
		SetString(dataset.StudyDate, "1997.04.24").SetString(dataset.StudyTime, "14:04:38").
		SetString(dataset.PatientBirthDate, "1970.01.02"))
	if id.StudyDate != "19970424" || id.StudyTime != "140438" || id.PatientBirthDate != "19700102" {
		t.Errorf("date %q, time %q, birth date %q", id.StudyDate, id.StudyTime, id.PatientBirthDate)
	}
}
