package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

const (
	legacyRecords = 30 // in all
	legacyGhosts  = 6  // of them: records without images
	legacyTwofold = 10 // of them: records with two attachments; the others have one
)

// legacySystem is a radiology information system in PostgreSQL, with its files.
type legacySystem struct {
	url, dir string
	names    map[string]bool   // studies that a record brings in
	contents map[string][]byte // attachments by key
	ghosts   int
}

const risSchema = `
CREATE SCHEMA ris;
CREATE TABLE ris.studies (
	study_key BIGINT PRIMARY KEY, study_date DATE NOT NULL, study_uid TEXT, accession_number VARCHAR(32), patient_id CHAR(20),
	patient_name TEXT, patient_birth_date DATE, patient_sex TEXT, modality TEXT, department TEXT, description TEXT,
	report_text TEXT, ward TEXT);
CREATE TABLE ris.documents (attachment_key TEXT PRIMARY KEY, study_key BIGINT, location TEXT, title TEXT, mime TEXT, size BIGINT);`

// newLegacySystem makes records for the archive's studies: dated ones first, so
// that some of those without a date stay without a record.
func newLegacySystem(t *testing.T, dir string, studies []staging.Study) *legacySystem {
	t.Helper()
	l := &legacySystem{url: pgtest.Start(t), dir: dir, names: map[string]bool{}, contents: map[string][]byte{}}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := pgx.Connect(t.Context(), l.url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(risSchema)
	var dated, undated []staging.Study
	for _, s := range studies {
		if s.Date != "" {
			dated = append(dated, s)
		} else {
			undated = append(undated, s)
		}
	}
	with := append(dated[:min(len(dated), legacyRecords-legacyGhosts-2):len(dated)], undated...)
	for key := range legacyRecords {
		s := staging.Study{Date: fmt.Sprintf("2024-05-%02d", key%28+1), PatientID: fmt.Sprintf("LETTER%d", key), Description: "Arztbrief 报告"}
		if key < min(len(with), legacyRecords-legacyGhosts) {
			s = with[key]
			l.names[s.UID] = true
		} else {
			l.ghosts++
		}
		day, studyUID := s.Date, any(s.UID)
		if day == "" {
			day = "2023-07-01"
		}
		if s.UID == "" || key%2 == 1 && s.AccessionNumber != "" && s.PatientID != "" && only(studies, s) {
			studyUID = nil // it joins by accession number and patient ID, or not at all
		}
		exec(`INSERT INTO ris.studies VALUES ($1,$2::date,$3,$4,$5,$6,'1970-02-03','O','OT',$7,$8,$9,$10)`, key, day, studyUID,
			s.AccessionNumber, s.PatientID, "Synthetic^Patient", []string{"RAD", "CARDIO", ""}[key%3], s.Description,
			fmt.Sprintf("Report %d.\nSecond line; 测试, Ünïcödé.", key), fmt.Sprintf("ward %d", key%5))
		for n := range 1 + btoi(key < legacyTwofold) {
			l.attach(t, exec, key, n)
		}
	}
	return l
}

// only reports whether accession number and patient ID mean one study alone.
func only(studies []staging.Study, s staging.Study) bool {
	n := 0
	for _, other := range studies {
		if other.AccessionNumber == s.AccessionNumber && other.PatientID == s.PatientID {
			n++
		}
	}
	return n == 1
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// attach writes a file and its row: PDFs and photographs in turn.
func (l *legacySystem) attach(t *testing.T, exec func(string, ...any), key, n int) {
	t.Helper()
	make, name, mime := makePDF, fmt.Sprintf("report %d-%d.pdf", key, n), "application/pdf"
	if (key+n)%2 == 1 {
		make, name, mime = makePhotograph, fmt.Sprintf("photo-%d-%d.jpg", key, n), "image/jpeg"
	}
	content, err := make(100*key+n, "Befund")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
	l.contents[name] = content
	exec(`INSERT INTO ris.documents VALUES ($1,$2,$3,$4,$5,$6)`, name, key, "files:"+name, "Befund "+name, mime, len(content))
}

// arrived demands that the objects made here are exactly one report a record and
// one object an attachment, valid, and that each gives its source back.
func (l *legacySystem) arrived(t *testing.T, objects map[string]heldObject) {
	t.Helper()
	reports := 0
	left := map[string][]byte{}
	for name, content := range l.contents {
		left[name] = content
	}
	for sop, o := range objects {
		file := filepath.Join(t.TempDir(), "object.dcm")
		if err := os.WriteFile(file, o.file, 0o600); err != nil {
			t.Fatal(err)
		}
		if faults := dimsetest.Dciodvfy(t, file); len(faults) > 0 {
			t.Errorf("dciodvfy of %s, a %s: %q", sop, uid.Name(o.class), faults)
		}
		switch o.class {
		case uid.BasicTextSR:
			reports++
		case uid.EncapsulatedPDF:
			out := filepath.Join(t.TempDir(), "out.pdf")
			dimsetest.DCMTK(t, "dcm2pdf", file, out).Need(t)
			pdf, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			takeOut(t, left, sop, func(content []byte) bool { return bytes.Equal(content, pdf) })
		case uid.SecondaryCapture:
			takeOut(t, left, sop, func(content []byte) bool { return bytes.Contains(o.file, content) })
		default:
			t.Errorf("%s, a %s, is at NEW and nobody sent it", sop, uid.Name(o.class))
		}
	}
	if reports != legacyRecords {
		t.Errorf("%d reports at NEW, want %d", reports, legacyRecords)
	}
	for name := range left {
		t.Errorf("attachment %s is not at NEW", name)
	}
}

// takeOut removes the one source that an object gives back.
func takeOut(t *testing.T, left map[string][]byte, sop string, gives func([]byte) bool) {
	t.Helper()
	for name, content := range left {
		if gives(content) {
			delete(left, name)
			return
		}
	}
	t.Errorf("%s holds no attachment's content", sop)
}
