package bridge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
)

// TestVersionsOfAReportKeepTheirOrder has records and letters of one study whose
// keys say nothing of their order as text.
func TestVersionsOfAReportKeepTheirOrder(t *testing.T) {
	x := cross(t, 1)
	s := recordsFor(x)
	first := s.records[0]
	first.StudyKey, first.ReportText = "R-9", "first version"
	amended := first
	amended.StudyKey, amended.ReportText = "R-10", "amended version"
	s.records = []nondicom.Record{amended, first} // as the database sorts them
	dir := t.TempDir()
	for key, made := range map[string]string{"z": "2026-01-02", "m": "2026-01-03", "a": "2026-01-03T14:05:00", "undated": ""} {
		check(t, os.WriteFile(filepath.Join(dir, key), []byte("%PDF-1.4\n%"+key+"\n"), 0o600))
		s.attachments["R-9"] = append(s.attachments["R-9"], nondicom.Attachment{Key: key, StudyKey: "R-9", Location: "files:" + key, Size: -1, CreatedAt: made})
	}
	x.stock.Legacy = s
	x.migrator.Compose.Files = must(fetch.Open([]fetch.Store{{Name: "files", At: dir}}))(t)
	check(t, x.run())
	_, items, err := x.db.Study(t.Context(), x.studies()[0])
	check(t, err)
	var letters, reports [5]string
	for _, it := range items {
		if it.Kind == staging.Instance {
			continue
		}
		o := x.atNew()[it.ObjectUID]
		header := must(dataset.ReadHeader(strings.NewReader(string(o.Data)), o.TransferSyntax, dataset.Tag(0x00280000), 0))(t)
		number, _ := header.Int(dataset.InstanceNumber)
		if o.SOPClass == uid.EncapsulatedPDF {
			letters[number] = it.UID
		} else {
			reports[number] = it.UID
		}
	}
	if diff := cmp.Diff([5]string{"", "undated", "z", "m", "a"}, letters); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([5]string{"", "R-9", "R-10"}, reports); diff != "" {
		t.Error(diff)
	}
}
