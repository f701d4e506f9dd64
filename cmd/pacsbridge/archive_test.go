package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom/archive"
	"pacsbridge/staging/pgtest"
)

// legacyLab is a lab with a legacy database for its studies.
func legacyLab(t *testing.T, studies int, settings ...string) (l *lab, files string) {
	t.Helper()
	files = t.TempDir()
	corpus := dimsetest.Corpus(7, studies, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 31)
	if err := writeLegacy(t.Context(), files, corpus); err != nil {
		t.Fatal(err)
	}
	legacy := fmt.Sprintf("legacy: {url: %q, records: %q, attachments: %q, stores: [{name: files, at: %q}]}", "sqlite:"+filepath.Join(files, legacyFile),
		"SELECT * FROM studies WHERE study_date >= :from AND study_date < :to", "SELECT * FROM documents WHERE study_key = :study_key", filepath.Join(files, "files"))
	return newLab(t, studies, append([]string{legacy}, settings...)...), filepath.Join(files, "files")
}

func TestTheArchiveHoldsWhatTheOldSystemKept(t *testing.T) {
	t.Parallel()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	store, identity := t.TempDir(), filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(identity, []byte(key.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	l, files := legacyLab(t, 6, fmt.Sprintf("nondicom: {deliver: [dicom, archive], archive: {url: %q, store: %q, compress: zstd, encrypt: %q}}",
		pgtest.Start(t), store, key.Recipient()))
	l.run(exitOK, january...)
	out, _ := l.run(exitOK, "verify", "--from", "2026-01-01", "--to", "2026-01-31", "--json")
	if !strings.Contains(out, `"studies":8,"complete":8`) || strings.Contains(out, "missing") {
		t.Errorf("%s", out)
	}
	for _, e := range indexes(t, store) {
		l.restored(e, identity, files)
	}
	victim := indexes(t, store)[0]
	if err := os.Remove(filepath.Join(store, victim.Name)); err != nil {
		t.Fatal(err)
	}
	out, _ = l.run(exitIncomplete, "verify", "--from", "2026-01-01", "--to", "2026-01-31", "--repair")
	if !strings.Contains(out, "attachment-missing") {
		t.Errorf("%s", out)
	}
	l.run(exitIncomplete, "archive", "get", "--study", victim.StudyUID, "--identity", identity, "--out", t.TempDir())
	l.run(exitOK, january...)
	l.restored(victim, identity, files)
}

// indexes are the lines of all indexes of a store.
func indexes(t *testing.T, store string) (entries []archive.Entry) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(store, "index", "*.jsonl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var e archive.Entry
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			entries = append(entries, e)
		}
	}
	return entries
}

// restored demands that archive get gives an attachment back as the old system
// has it.
func (l *lab) restored(e archive.Entry, identity, files string) {
	l.t.Helper()
	folder := l.t.TempDir()
	out, _ := l.run(exitOK, "archive", "get", "--study", e.StudyUID, "--attachment", e.AttachmentKey, "--identity", identity, "--out", folder, "--json")
	var done []restored
	if err := json.Unmarshal([]byte(out), &done); err != nil || len(done) != 1 {
		l.t.Fatalf("%s: %v", out, err)
	}
	got, err := os.ReadFile(done[0].File)
	if err != nil {
		l.t.Fatal(err)
	}
	paths, _ := filepath.Glob(filepath.Join(files, "*"))
	for _, path := range paths {
		if want, err := os.ReadFile(path); err == nil && bytes.Equal(got, want) {
			return
		}
	}
	l.t.Errorf("%s is no file of the old system", done[0].File)
}

func TestCheckShowsTheFirstRecordMasked(t *testing.T) {
	t.Parallel()
	l, _ := legacyLab(t, 4, fmt.Sprintf("nondicom: {deliver: [archive], archive: {url: %q, store: %q}}", pgtest.Start(t), t.TempDir()))
	first := dimsetest.Corpus(7, 4, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 31)[0]
	out, _ := l.run(exitOK, "check", "--day", first.Date)
	if !strings.Contains(out, "the first record: study_key=") || !strings.Contains(out, "patient_name=Aa") || !strings.Contains(out, "attachment") || !strings.Contains(out, "ok    archive") {
		t.Errorf("%s", out)
	}
	if strings.Contains(out, first.Patient.ID) {
		t.Errorf("the patient is told: %s", out)
	}
	if out, _ := l.run(exitOK, "check"); !strings.Contains(out, "--day") {
		t.Errorf("%s", out)
	}
	l.edit("SELECT * FROM documents", "SELECT * FROM none")
	if out, _ := l.run(exitFailed, "check", "--day", first.Date); !strings.Contains(out, "FAIL  legacy database") || !strings.Contains(out, "see legacy.attachments") {
		t.Errorf("%s", out)
	}
}

func TestCheckTellsWhatFallsBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, "nondicom: {pdf_refused: fail}")
	l.new.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{RefuseContext: func(class, _ string) bool { return class == uid.EncapsulatedPDF }}})
	if out, _ := l.run(exitFailed, "check"); !strings.Contains(out, "it refuses Encapsulated PDF") {
		t.Errorf("%s", out)
	}
	if _, err := exec.LookPath("pdftoppm"); err != nil {
		t.Skip("pdftoppm is not installed")
	}
	l.edit("pdf_refused: fail", "pdf_refused: pages")
	if out, _ := l.run(exitOK, "check"); !strings.Contains(out, "not Encapsulated PDF Storage (their pages as pictures)") {
		t.Errorf("%s", out)
	}
}
