package bridge_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/nondicom"
	vault "pacsbridge/nondicom/archive"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

// crossWithNumberedFiles is a crossing of one study with two records, each of which
// numbers its files from 1; file 3 both have in common.
func crossWithNumberedFiles(t *testing.T) (x *crossing, s *shelf, dir string) {
	t.Helper()
	x = cross(t, 1)
	s, dir = recordsFor(x), t.TempDir()
	first := s.records[0]
	second := first
	first.StudyKey, second.StudyKey, second.ReportText = "77", "78", "another report"
	s.records = []nondicom.Record{first, second}
	for _, of := range []string{"77", "78"} {
		for key, name := range map[string]string{"1": of + "-1", "2": of + "-2", "3": "common"} {
			check(t, os.WriteFile(filepath.Join(dir, name), []byte("%PDF-1.4\n%"+name+"\n"), 0o600))
			s.attachments[of] = append(s.attachments[of], nondicom.Attachment{Key: key, StudyKey: of, Location: "files:" + name, Title: "Letter", Size: -1})
		}
	}
	x.stock.Legacy = s
	x.migrator.Compose.Files = must(fetch.Open([]fetch.Store{{Name: "files", At: dir}}))(t)
	return x, s, dir
}

// letters are the attachments of the crossing's study at NEW: by their keys in the
// ledger what their files hold.
func (x *crossing) letters() map[string]string {
	x.t.Helper()
	letters := map[string]string{}
	_, items, err := x.db.Study(x.t.Context(), x.studies()[0])
	check(x.t, err)
	for _, it := range items {
		if it.Kind != staging.Attachment || it.State != staging.ItemDone {
			continue
		}
		_, content, _ := strings.Cut(string(x.atNew()[it.ObjectUID].Data), "%PDF-1.4\n%")
		letters[it.UID], _, _ = strings.Cut(content, "\n")
	}
	return letters
}

var numberedLetters = map[string]string{"1": "77-1", "2": "77-2", "3": "common", "78/1": "78-1", "78/2": "78-2"}

func TestFilesThatEachRecordNumbersByItselfAllArrive(t *testing.T) {
	x, s, dir := crossWithNumberedFiles(t)
	check(t, x.run())
	if diff := cmp.Diff(numberedLetters, x.letters()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	objects := len(x.new.Digests())

	for of := range s.attachments { // all files move
		for i := range s.attachments[of] {
			a := &s.attachments[of][i]
			name := strings.TrimPrefix(a.Location, "files:")
			a.Location = "files:moved-" + name
			check(t, os.WriteFile(filepath.Join(dir, "moved-"+name), must(os.ReadFile(filepath.Join(dir, name)))(t), 0o600))
		}
	}
	slices.Reverse(s.records)
	staged := must(x.stock.Range(t.Context(), january(1), january(31)))(t)
	if status := x.status(); status.Studies.Migrated != 1 {
		t.Errorf("the study goes again, though nothing is new: %+v, %+v", staged, status.Studies)
	}
	check(t, x.run())
	if diff := cmp.Diff(numberedLetters, x.letters()); diff != "" || len(x.new.Digests()) != objects {
		t.Errorf("%d objects became %d (-want +got):\n%s", objects, len(x.new.Digests()), diff)
	}
}

func TestFilesThatEachRecordNumbersByItselfStandInTheArchive(t *testing.T) {
	x, _, _ := crossWithNumberedFiles(t)
	a := &archiving{crossing: x, store: t.TempDir()}
	a.vault = must(vault.Open(vault.Options{URL: schemaOf(t, pgtest.Start(t)), Store: a.store}))(t)
	t.Cleanup(func() { check(t, a.vault.Close(context.Background())) })
	x.migrator.Compose.Archive = true
	a.keepIn(a.vault)
	check(t, x.run())
	entries := must(a.vault.Index(t.Context(), x.studies()[0]))(t)
	var keys []string
	for _, e := range entries {
		keys = append(keys, e.AttachmentKey)
		if stands := a.item(staging.Attachment, e.AttachmentKey).Archive; stands != e.Name {
			t.Errorf("%s is %s in the index and %s in the ledger", e.AttachmentKey, e.Name, stands)
		}
	}
	slices.Sort(keys)
	if want := slices.Sorted(maps.Keys(numberedLetters)); !slices.Equal(keys, want) {
		t.Errorf("%q, want %q", keys, want)
	}
}
