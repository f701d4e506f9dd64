package bridge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

// crossWithTexts is a crossing of one study with a report, a letter that is a plain
// text, and a text that the font cannot draw. Texts are drawn.
func crossWithTexts(t *testing.T) (x *crossing, study, key string) {
	t.Helper()
	x = cross(t, 1)
	s := recordsFor(x)
	key, dir := s.records[0].StudyKey, t.TempDir()
	for name, body := range map[string]string{"letter.txt": "No finding.\n", "chinese.txt": "正常\n"} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600))
		s.attachments[key] = append(s.attachments[key], nondicom.Attachment{Key: name, StudyKey: key, Location: "files:" + name, Size: -1, CreatedAt: "2026-01-03"})
	}
	x.stock.Legacy = s
	x.migrator.Compose.Files = must(fetch.Open([]fetch.Store{{Name: "files", At: dir}}))(t)
	x.migrator.Compose.Draw = true
	return x, x.studies()[0], key
}

func TestDrawnTextsArePartOfTheStudy(t *testing.T) {
	x, study, key := crossWithTexts(t)
	check(t, x.run())
	status := x.status()
	if want := (staging.AttachmentCounts{Expected: 4, Migrated: 4}); status.Attachments != want || status.Studies.Migrated != 1 {
		t.Errorf("%+v, %+v", status.Attachments, status.Studies)
	}
	for _, of := range []string{"record " + key, "attachment letter.txt"} {
		drawn := x.item(study, of+" as PDF")
		at, there := x.atNew()[drawn.ObjectUID]
		if drawn.State != staging.ItemDone || drawn.SOPClass != uid.EncapsulatedPDF || !there || at.StudyUID != study {
			t.Errorf("%+v, at NEW: %t", drawn, there)
		}
	}
	for _, of := range []string{"letter.txt", "chinese.txt", key} {
		it := x.item(study, of)
		if it.SOPClass != uid.BasicTextSR || strings.Contains(it.Warning, "no character U+6B63") != (of == "chinese.txt") {
			t.Errorf("%+v", it)
		}
	}
	issued := must(x.registrar().Certify(t.Context(), study))(t)
	c, _, err := bridge.ReadCertificate(issued.Document)
	check(t, err)
	if want := (bridge.Proof{Expected: 4, Received: 4, Stored: 4, Found: 4}); c.Attachments != want || len(c.Extra) != 0 {
		t.Errorf("%+v, beside it %v", c.Attachments, c.Extra)
	}
}

func TestDrawnTextsAreVerifiedByTheirContent(t *testing.T) {
	x, study, key := crossWithTexts(t)
	check(t, x.run())
	contents := x.byGet()
	contents.Files = x.migrator.Compose.Files
	n := len(x.new.Instances())
	result := x.verified(x.reconciler(contents))
	if want := (bridge.ContentCounts{Compared: n, Identical: n - 2, Equal: 2}); *result.Content != want || len(result.Differences) != 0 {
		t.Errorf("%+v, content %+v, want %+v", result.Differences, *result.Content, want)
	}
	drawn := x.item(study, "record "+key+" as PDF")
	x.swap(x.atNew()[drawn.ObjectUID], func(o dimsetest.Object) dimsetest.Object {
		o.Data[len(o.Data)/2] ^= 1
		return o
	})
	result = x.verified(x.reconciler(contents))
	if len(result.Differences) != 1 || result.Differences[0].UID != drawn.UID || result.Differences[0].Kind != bridge.ContentDiffers {
		t.Errorf("%+v", result.Differences)
	}
}

// TestADrawnTextThatGetsLostIsDrawnAgain: the repair makes the same object.
func TestADrawnTextThatGetsLostIsDrawnAgain(t *testing.T) {
	x, study, key := crossWithTexts(t)
	check(t, x.run())
	drawn := x.item(study, "record "+key+" as PDF")
	x.new.Remove(drawn.ObjectUID)
	reconciler := x.reconciler(nil)
	result := x.verified(reconciler)
	if len(result.Differences) != 1 || result.Differences[0].UID != drawn.UID || result.Differences[0].Kind != bridge.AttachmentMissing {
		t.Fatalf("%+v", result.Differences)
	}
	check(t, reconciler.Repair(t.Context(), x.db, &result))
	check(t, x.run())
	again := x.item(study, drawn.UID)
	if _, there := x.atNew()[drawn.ObjectUID]; !there || again.SHA256 != drawn.SHA256 || again.State != staging.ItemDone {
		t.Errorf("%+v, was %+v", again, drawn)
	}
}

func TestDrawnTextsThatNewDoesNotTake(t *testing.T) {
	for name, test := range map[string]struct {
		fallback bridge.Fallback
		state    staging.ItemState
		studies  staging.State
	}{
		"fail by name":                      {"", staging.ItemFailed, staging.Failed},
		"are left out where PDFs are drawn": {bridge.FallbackPages, staging.ItemSkipped, staging.Migrated},
	} {
		t.Run(name, func(t *testing.T) {
			x, study, key := crossWithTexts(t)
			x.migrator.Compose.RefusedPDF = test.fallback
			refuseClasses(x, uid.EncapsulatedPDF)
			check(t, x.run())
			row, _, err := x.db.Study(t.Context(), study)
			check(t, err)
			drawn := x.item(study, "record "+key+" as PDF")
			if row.State != test.studies || drawn.State != test.state || drawn.Reason == "" {
				t.Errorf("the study is %s, its drawing %+v", row.State, drawn)
			}
			if x.migrator.Compose.Draw = false; test.state != staging.ItemFailed {
				return
			}
			check(t, x.run()) // with the texts drawn no more
			if row, _, err = x.db.Study(t.Context(), study); err != nil || row.State != staging.Migrated {
				t.Errorf("%s: %s, %v", row.State, row.Reason, err)
			}
		})
	}
}

// TestDrawnTextsStandBesideTheArchive: the archive has the text itself.
func TestDrawnTextsStandBesideTheArchive(t *testing.T) {
	x := crossWithArchive(t, pgtest.Start(t))
	x.migrator.Compose.Draw = true
	check(t, x.run())
	drawn := x.item(staging.Attachment, "record "+x.key+" as PDF")
	if s := x.status(); s.Studies.Migrated != 3 || drawn.State != staging.ItemDone || drawn.Archive != "" {
		t.Errorf("%+v, %+v", s.Studies, drawn)
	}
}
