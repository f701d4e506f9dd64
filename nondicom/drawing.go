package nondicom

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"github.com/suyashkumar/dicom/pkg/tag"
	"golang.org/x/image/font/gofont/gomono"

	"pacsbridge/dimse/uid"
)

// The series of drawn texts.
var (
	drawnRecordSeries = seriesKind{"drawn record", "9908", "DOC", "Reports as documents"}
	drawnTextSeries   = seriesKind{"drawn text", "9909", "DOC", "Texts as documents"}
)

// Drawing is a text drawn as a PDF document, in the object that holds it. It stands
// beside the Basic Text SR of the text, for those who read documents.
type Drawing struct {
	Object *Object // an Encapsulated PDF; its UID is derived from the text, as that of the report is
	Title  string
	Bytes  int64  // of the document
	SHA256 string // of the document, hexadecimal
}

// DrawRecord draws the report text of a record, and says in the object that it comes
// from its report, as ReportOfRecord makes it. It returns nil where the record has no
// report text, and an *UndrawableError where the font lacks characters of it. The
// same record is drawn to the same bytes.
func DrawRecord(id Identity, r Record, report *Object) (*Drawing, error) {
	if strings.TrimSpace(r.ReportText) == "" {
		return nil, nil
	}
	digest, err := digestOf(r)
	if err != nil {
		return nil, err
	}
	day, clock := r.StudyDate, r.StudyTime
	if day == "" {
		day, clock = id.StudyDate, id.StudyTime
	}
	number, _ := strconv.Atoi(r.origin().number) // it is one
	a := Attachment{Key: r.StudyKey, Number: number, Title: cmp.Or(strings.TrimSpace(r.Description), "Report"), CreatedAt: strings.TrimSpace(day + " " + clock)}
	return drawDocument(drawnRecordSeries, id, a, r.ReportText, digest, report)
}

// DrawText draws a plain text that was attached to a study; what is said of
// DrawRecord is true of it too. Size and digest are those of the content.
func DrawText(id Identity, a Attachment, content io.Reader, size int64, digest string, report *Object) (*Drawing, error) {
	text, _, err := readText(source{content, size, digest})
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	a.Title = titleOf(a)
	return drawDocument(drawnTextSeries, id, a, text, digest, report)
}

func drawDocument(series seriesKind, id Identity, a Attachment, text, digest string, report *Object) (*Drawing, error) {
	pages, err := layOut(text)
	if err != nil {
		return nil, err
	}
	document, err := drawPDF(a, pages)
	if err != nil {
		return nil, fmt.Errorf("draw a text as PDF: %w", err)
	}
	from := source{bytes.NewReader(document), int64(len(document)), digest}
	object, err := encapsulation{class: uid.EncapsulatedPDF, mime: pdfKind, series: series, burnedIn: true}.object(id, a, from, func(set *attributes) {
		var of attributes
		of.text(tag.ReferencedSOPClassUID, report.SOPClass)
		of.text(tag.ReferencedSOPInstanceUID, report.SOPInstance)
		set.sequence(tag.SourceInstanceSequence, of) // PS3.3 §C.24.2
	})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(document)
	return &Drawing{Object: object, Title: a.Title, Bytes: from.size, SHA256: hex.EncodeToString(sum[:])}, nil
}

// The drawn page, A4, in points.
const (
	pageWidth, pageHeight = 595.28, 841.89
	pageMargin            = 45.0
	letterSize            = 10.0 // a character of the font is 0.6 of it wide: 84 of them are 504
	lineHeight            = 12.0
)

// drawPDF draws laid out pages. The document is dated when its text was made, so that
// the same text gives the same bytes whenever it is drawn.
func drawPDF(a Attachment, pages sheets) ([]byte, error) {
	pdf := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: pageWidth, Ht: pageHeight}})
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(momentOf(a.CreatedAt))
	pdf.SetModificationDate(momentOf(a.CreatedAt))
	pdf.SetProducer(manufacturer, true)
	pdf.SetTitle(a.Title, true)
	pdf.SetAutoPageBreak(false, 0)
	const family = "go-mono"
	pdf.AddUTF8FontFromBytes(family, "", bytes.Clone(gomono.TTF)) // it writes into what it is given
	for i, page := range pages {
		pdf.AddPage()
		pdf.SetFont(family, "", letterSize)
		for n, line := range page {
			pdf.Text(pageMargin, pageMargin+float64(n+1)*lineHeight, line)
		}
		if len(pages) > 1 {
			pdf.Text(pageMargin, pageHeight-pageMargin/2, fmt.Sprintf("%d / %d", i+1, len(pages)))
		}
	}
	var document bytes.Buffer
	err := pdf.Output(&document)
	return document.Bytes(), err
}

// momentOf is when a text was made, as the old system says; where it says nothing, a
// day that nobody takes for one.
func momentOf(createdAt string) time.Time {
	day, clock := cmp.Or(dicomDate(createdAt), undated), cmp.Or(dicomTime(timeOf(createdAt)), midnight)
	clock, _, _ = strings.Cut(clock, ".")
	moment, err := time.Parse("20060102150405", day+clock)
	if err != nil {
		moment, _ = time.Parse("20060102", undated)
	}
	return moment
}
