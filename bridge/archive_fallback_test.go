package bridge_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

// realPDF is a PDF of one page that can be drawn.
func realPDF(t *testing.T) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join("..", "testdata", "documents", "one-page.pdf")))(t)
}

// refuseClasses has NEW accept no presentation context for these SOP classes.
func refuseClasses(x *crossing, classes ...string) {
	refused := map[string]bool{}
	for _, class := range classes {
		refused[class] = true
	}
	x.new.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{RefuseContext: func(class, _ string) bool { return refused[class] }}})
}

func TestWhatNewDoesNotTakeFallsBack(t *testing.T) {
	server := pgtest.Start(t)
	for name, test := range map[string]struct {
		pdf, other bridge.Fallback
		refused    []string
		class      string // that the PDF has at NEW; empty: it is in the archive alone
		failed     staging.Class
		records    string // SOP class of the records
	}{
		"a PDF fails":                            {refused: []string{uid.EncapsulatedPDF}, failed: staging.TargetRefused},
		"a PDF goes into the archive alone":      {pdf: bridge.FallbackArchive, refused: []string{uid.EncapsulatedPDF}, records: uid.BasicTextSR},
		"a PDF becomes its pages":                {pdf: bridge.FallbackPages, refused: []string{uid.EncapsulatedPDF}, class: uid.SecondaryCapture, records: uid.BasicTextSR},
		"pages fall back too":                    {pdf: bridge.FallbackPages, other: bridge.FallbackArchive, refused: []string{uid.EncapsulatedPDF, uid.SecondaryCapture, uid.BasicTextSR}},
		"pages that are refused fail":            {pdf: bridge.FallbackPages, refused: []string{uid.EncapsulatedPDF, uid.SecondaryCapture}, failed: staging.TargetRefused},
		"reports go into the archive alone":      {other: bridge.FallbackArchive, refused: []string{uid.BasicTextSR}, class: uid.EncapsulatedPDF},
		"nothing is refused, so nothing changes": {pdf: bridge.FallbackPages, other: bridge.FallbackArchive, class: uid.EncapsulatedPDF, records: uid.BasicTextSR},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("pdftoppm"); err != nil && test.pdf == bridge.FallbackPages {
				t.Skip("pdftoppm is not installed")
			}
			x := crossWithArchive(t, server)
			x.migrator.Compose.RefusedPDF, x.migrator.Compose.Refused = test.pdf, test.other
			refuseClasses(x.crossing, test.refused...)
			check(t, x.run())
			if test.failed != "" {
				failed := must(x.db.Failed(t.Context(), staging.Scope{}))(t)
				if len(failed) != 1 || failed[0].Class != test.failed || !strings.Contains(failed[0].Reason, "Storage") {
					t.Errorf("%+v", failed)
				}
				return
			}
			letter, record := x.item(staging.Attachment, "A1"), x.item(staging.Record, x.key)
			if s := x.status(); s.Studies.Migrated != 3 || letter.State != staging.ItemDone || letter.Archive == "" {
				t.Errorf("%+v, %+v", s.Studies, letter)
			}
			if letter.SOPClass != test.class || record.SOPClass != test.records {
				t.Errorf("the letter is %q, the record %q", uid.Name(letter.SOPClass), uid.Name(record.SOPClass))
			}
			if told := strings.Contains(letter.Warning, "does not take Encapsulated PDF"); told != (test.class != uid.EncapsulatedPDF) {
				t.Errorf("warning %q", letter.Warning)
			}
		})
	}
}
