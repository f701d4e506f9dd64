package bridge_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
)

// TestAttachmentsThatBecameSomethingElseAreMadeAgainForComparison: a picture and a
// text stand at NEW as pixels and as a report, so that no digest of their file is there.
func TestAttachmentsThatBecameSomethingElseAreMadeAgainForComparison(t *testing.T) {
	x := cross(t, 1)
	s := recordsFor(x)
	key, dir := s.records[0].StudyKey, t.TempDir()
	var picture bytes.Buffer
	check(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 9, 7))))
	for name, body := range map[string][]byte{"picture.png": picture.Bytes(), "text.txt": []byte("No finding.\n"), "letter.pdf": realPDF(t)} {
		check(t, os.WriteFile(filepath.Join(dir, name), body, 0o600))
		s.attachments[key] = append(s.attachments[key], nondicom.Attachment{Key: name, StudyKey: key, Location: "files:" + name, Size: -1, CreatedAt: "2026-01-03"})
	}
	x.stock.Legacy = s
	files := must(fetch.Open([]fetch.Store{{Name: "files", At: dir}}))(t)
	x.migrator.Compose.Files = files
	check(t, x.run())
	contents := x.byGet()
	contents.Files = files
	n := len(x.new.Instances())
	result := x.verified(x.reconciler(contents))
	if want := (bridge.ContentCounts{Compared: n, Identical: n - 2, Equal: 2}); *result.Content != want || len(result.Differences) != 0 {
		t.Errorf("%+v, content %+v, want %+v", result.Differences, *result.Content, want)
	}
	for _, o := range x.new.Instances() {
		if o.SOPClass == "1.2.840.10008.5.1.4.1.1.7" && bytes.Contains(o.Data, []byte("picture.png")) {
			x.swap(o, func(o dimsetest.Object) dimsetest.Object { return pixelsFlipped(o) })
		}
	}
	result = x.verified(x.reconciler(contents))
	if len(result.Differences) != 1 || result.Differences[0].UID != "picture.png" || result.Differences[0].Kind != bridge.ContentDiffers {
		t.Errorf("%+v", result.Differences)
	}
}
