package nondicom_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
)

// drawnLetter is a text with all that a drawing has to cope with.
var drawnLetter = "Befund vom 3. Januar:\r\n\r\nGröße\t12 × 7 mm, Ø 3 µm, ≤ 5 €\nЗаключение: норма. Πνεύμονας.\n" +
	strings.Repeat("A long sentence that goes on and on. ", 12) + "\n" + strings.Repeat("x", 200) + "\n\fSecond page"

// textFile is an attached text with its report, and the drawing of it.
func textFile(t *testing.T, text string) (*nondicom.Object, *nondicom.Drawing, error) {
	t.Helper()
	a := nondicom.Attachment{Key: "T7", Title: "Brief", CreatedAt: "2026-01-03T14:05:00"}
	sum := digest([]byte(text))
	report, err := nondicom.ObjectOfAttachment(identities["record"], a, strings.NewReader(text), int64(len(text)), sum)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := nondicom.DrawText(identities["record"], a, strings.NewReader(text), int64(len(text)), sum, report)
	return report, drawn, err
}

// drawnFile writes the object of a drawing to a file that tools read.
func drawnFile(t *testing.T, o *nondicom.Object) (path string, document []byte) {
	t.Helper()
	path, _ = part10(t, o)
	return path, documentOf(t, path)
}

func TestADrawnTextGivesItsTextBack(t *testing.T) {
	report, drawn, err := textFile(t, drawnLetter)
	if err != nil {
		t.Fatal(err)
	}
	if drawn.Object.SOPClass != uid.EncapsulatedPDF || drawn.Object.SOPInstance == report.SOPInstance || drawn.Object.StudyUID != report.StudyUID {
		t.Errorf("%+v beside %+v", drawn.Object, report)
	}
	path, document := drawnFile(t, drawn.Object)
	valid(t, path)
	pdf := filepath.Join(t.TempDir(), "letter.pdf")
	mustTool(t, "dcm2pdf", path, pdf)
	back, err := os.ReadFile(pdf)
	if err != nil {
		t.Fatal(err)
	}
	startsWith(t, document, back)
	if int64(len(back)) != drawn.Bytes || digest(back) != drawn.SHA256 {
		t.Errorf("%d bytes came back, of %d, or others", len(back), drawn.Bytes)
	}
	pages := pagesOf(t, document)
	if len(pages) != 2 || !strings.Contains(pages[1], "Second page") || strings.Contains(pages[0], "Second") {
		t.Fatalf("%d pages: %q", len(pages), pages)
	}
	want, _, _ := strings.Cut(drawnLetter, "\f")
	if got := letters(strings.TrimSuffix(strings.TrimSpace(pages[0]), "1 / 2")); got != letters(want) {
		t.Errorf("got  %s\nwant %s", got, letters(want))
	}
}

// letters is a text without its blanks and lines.
func letters(text string) string { return strings.Join(strings.Fields(text), "") }

func TestADrawnReportNamesItsDateTitleAndSource(t *testing.T) {
	r := nondicom.Record{StudyKey: "R-9", StudyDate: "2026-01-03", StudyTime: "14:05:00", Description: "Thorax", ReportText: "No finding."}
	report, err := nondicom.ReportOfRecord(identities["record"], r)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := nondicom.DrawRecord(identities["record"], r, report)
	if err != nil {
		t.Fatal(err)
	}
	path, _ := drawnFile(t, drawn.Object)
	valid(t, path)
	dump := mustTool(t, "dcmdump", path)
	for _, want := range []string{"[20260103]", "[140500]", "[Thorax]", "[" + report.SOPInstance + "]", "SourceInstanceSequence", "DocumentTitle"} {
		if !strings.Contains(dump, want) {
			t.Errorf("%s is not in\n%s", want, dump)
		}
	}
	r.ReportText = " "
	if drawn, err := nondicom.DrawRecord(identities["record"], r, report); drawn != nil || err != nil {
		t.Errorf("%+v, %v of a record without a report", drawn, err)
	}
}

func TestTheSameTextIsDrawnToTheSameBytes(t *testing.T) {
	_, first, err := textFile(t, drawnLetter)
	if err != nil {
		t.Fatal(err)
	}
	_, want := drawnFile(t, first.Object)
	for range 5 {
		_, again, err := textFile(t, drawnLetter)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := drawnFile(t, again.Object); !bytes.Equal(got, want) || again.Object.SOPInstance != first.Object.SOPInstance {
			t.Fatal("other bytes, or another UID")
		}
	}
}

func TestATextIsNotDrawnWithHoles(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		hole rune
	}{
		"Chinese":                       {"Finding: 正常\n", '正'},
		"a character beyond 16 bits":    {"fine 😀\n", '😀'},
		"a mark that fits on no letter": {"q\u0323\n", '\u0323'},
	} {
		_, drawn, err := textFile(t, test.text)
		var undrawable *nondicom.UndrawableError
		if !errors.As(err, &undrawable) || drawn != nil || undrawable.Character != test.hole || undrawable.Temporary() {
			t.Errorf("%s: %+v, %v", name, drawn, err)
		}
	}
}

func TestSignsThatLookLikeOthersAreDrawnAsThose(t *testing.T) {
	for text, want := range map[string]string{
		"Gro\u0308ße\n": "Größe",
		"12\u202Fmm\u00A0x\u2028CT\u2011Thorax\u200B, so\u00ADgar\uFEFF\n": "12 mm x\nCT-Thorax, sogar",
		"“a” – ‘b’ … €5 ± 0.5 µm², ≥ 3 •\n":                                "“a” – ‘b’ … €5 ± 0.5 µm², ≥ 3 •",
	} {
		_, drawn, err := textFile(t, text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		_, document := drawnFile(t, drawn.Object)
		if pages := pagesOf(t, document); len(pages) != 1 || strings.TrimSpace(pages[0]) != want {
			t.Errorf("%q gives %q, want %q", text, pages, want)
		}
	}
}

// pagesOf reads the text of a PDF, page by page.
func pagesOf(t *testing.T, document []byte) []string {
	t.Helper()
	pdf := filepath.Join(t.TempDir(), "drawn.pdf")
	if err := os.WriteFile(pdf, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(mustTool(t, "pdftotext", "-layout", pdf, "-"), "\f"), "\f")
}

func TestALongTextGoesOnOnFurtherPages(t *testing.T) {
	var text strings.Builder
	for range 130 {
		text.WriteString("a line\n")
	}
	_, drawn, err := textFile(t, text.String())
	if err != nil {
		t.Fatal(err)
	}
	_, document := drawnFile(t, drawn.Object)
	var lines []int
	for _, page := range pagesOf(t, document) {
		lines = append(lines, strings.Count(page, "a line"))
	}
	if !slices.Equal(lines, []int{62, 62, 6}) {
		t.Errorf("lines by page: %v", lines)
	}
}
