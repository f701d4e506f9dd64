package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// certificatePage writes a certificate on pages.
type certificatePage struct{ *fpdf.Fpdf }

// certificatePDF is a certificate for people. digest is the SHA-256 of its JSON file,
// which is what the chain is made of. The same certificate gives the same bytes.
func certificatePDF(c bridge.Certificate, digest string) ([]byte, error) {
	p := certificatePage{fpdf.New("P", "mm", "A4", "")}
	p.SetTitle(fmt.Sprintf("Certificate %d", c.Number), false)
	p.SetCreator("pacsbridge", false)
	p.SetCreationDate(c.Verified)
	p.SetModificationDate(c.Verified)
	p.SetCatalogSort(true)
	p.SetMargins(15, 15, 15)
	p.SetAutoPageBreak(true, 18)
	p.SetFooterFunc(func() {
		p.SetY(-13)
		p.SetFont("Courier", "", 7)
		p.CellFormat(0, 4, fmt.Sprintf("certificate %d  SHA-256 %s  page %d", c.Number, digest, p.PageNo()), "", 0, "L", false, 0, "")
	})
	p.AddPage()
	p.head(c, digest)
	p.proofs(c)
	p.items(c)
	p.closing()
	var out bytes.Buffer
	err := p.Output(&out)
	return out.Bytes(), err
}

func (p certificatePage) title(text string, size float64) {
	p.SetFont("Helvetica", "B", size)
	p.MultiCell(0, size*0.5, plain(text), "", "L", false)
	p.Ln(1)
}

func (p certificatePage) text(text string) {
	p.SetFont("Helvetica", "", 9)
	p.MultiCell(0, 4.2, plain(text), "", "L", false)
	p.Ln(1)
}

// line is a name and its value.
func (p certificatePage) line(name, value string) {
	p.SetFont("Helvetica", "", 9)
	p.CellFormat(42, 4.6, plain(name), "", 0, "L", false, 0, "")
	p.SetFont("Courier", "", 9)
	p.MultiCell(0, 4.6, plain(value), "", "L", false)
}

func (p certificatePage) head(c bridge.Certificate, digest string) {
	p.title(fmt.Sprintf("Certificate of migration %d", c.Number), 16)
	p.text("All objects of this study that were expected were received from the old PACS or the old system, stored at the new " +
		"PACS, and listed by the new PACS when it was asked at the time below.")
	p.line("Study Instance UID", c.StudyUID)
	if c.StudyKey != "" {
		p.line("Key at the old system", c.StudyKey)
	}
	p.line("From, to", c.Old+" to "+c.New)
	p.line("Verified", c.Verified.Format(time.RFC3339))
	for _, commitment := range c.Commitments {
		p.line("Storage commitment", fmt.Sprintf("%d of %d objects, %s, transaction %s", commitment.Committed, commitment.Named,
			commitment.Answered.Format(time.RFC3339), commitment.Transaction))
	}
	p.line("This certificate", digest)
	previous := c.Previous
	if previous == "" {
		previous = "none: it is the first of the chain"
	}
	p.line("The one before", previous)
	p.Ln(3)
}

func (p certificatePage) proofs(c bridge.Certificate) {
	columns := []float64{42, 24, 24, 24, 24, 24}
	row := func(style string, cells ...string) {
		p.SetFont("Helvetica", style, 9)
		for i, cell := range cells {
			align := "R"
			if i == 0 {
				align = "L"
			}
			p.CellFormat(columns[i], 5, cell, "B", 0, align, false, 0, "")
		}
		p.Ln(5)
	}
	row("B", "", "expected", "received", "stored", "found", "skipped")
	for _, kind := range []struct {
		name  string
		proof bridge.Proof
	}{{"instances", c.Instances}, {"records", c.Records}, {"attachments", c.Attachments}} {
		n := kind.proof
		row("", kind.name, strconv.Itoa(n.Expected), strconv.Itoa(n.Received), strconv.Itoa(n.Stored), strconv.Itoa(n.Found), strconv.Itoa(n.Skipped))
	}
	p.Ln(4)
}

func (p certificatePage) items(c bridge.Certificate) {
	p.title("Objects", 11)
	for _, it := range c.Items {
		p.SetFont("Courier", "B", 8)
		p.MultiCell(0, 3.8, plain(string(it.Kind)+" "+it.UID), "", "L", false)
		p.SetFont("Courier", "", 7.5)
		for _, text := range itemLines(it) {
			p.MultiCell(0, 3.5, plain("  "+text), "", "L", false)
		}
		p.Ln(0.8)
	}
	if len(c.Extra) == 0 {
		return
	}
	p.title("Listed by the new PACS beside", 11)
	p.SetFont("Courier", "", 8)
	for _, uid := range c.Extra {
		p.MultiCell(0, 3.8, plain(uid), "", "L", false)
	}
}

func itemLines(it bridge.CertifiedItem) []string {
	if it.State == staging.ItemSkipped {
		return []string{"skipped"}
	}
	var lines []string
	if it.ObjectUID != "" {
		lines = append(lines, "as   "+it.ObjectUID)
	}
	return append(lines,
		"is   "+it.SOPClassName+", "+it.Syntax+", "+strconv.FormatInt(it.Bytes, 10)+" bytes",
		"has  "+it.SHA256+warned(it.Warning))
}

func warned(warning string) string {
	if warning == "" {
		return ""
	}
	return "  warning: " + warning
}

func (p certificatePage) closing() {
	p.Ln(2)
	p.title("How to check it", 11)
	p.text("The certificate is its JSON file (pacsbridge certificate --issued STUDYUID): sha256sum of that file is the number given " +
		"above, and the next certificate names it. pacsbridge certificate --check FILE... checks any number of them. The digest of an " +
		"instance or a record is the SHA-256 of its data set as the old PACS sent it, without the header of a file; that of an " +
		"attachment is of the source file. Letters beyond ASCII are written by their numbers, \\u4e2d for U+4E2D.")
}

// plain writes text in the letters of the fonts that every reader of PDF has; what
// they lack is escaped, so that no letter is lost or mistaken.
func plain(text string) string {
	quoted := strconv.QuoteToASCII(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
