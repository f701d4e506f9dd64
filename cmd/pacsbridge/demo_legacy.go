package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"pacsbridge/dimse/dimsetest"
)

// legacyFile is the database of the old system that the demo pretends to find.
const legacyFile = "legacy.db"

const legacySchema = `
CREATE TABLE studies (
	study_key INTEGER PRIMARY KEY, study_date TEXT, study_uid TEXT, accession_number TEXT, patient_id TEXT,
	patient_name TEXT, modality TEXT, department TEXT, description TEXT, report_text TEXT, room TEXT);
CREATE TABLE documents (attachment_key TEXT PRIMARY KEY, study_key INTEGER, location TEXT, title TEXT, mime TEXT);`

// writeLegacy makes the old system's database and its files: a record for each
// study, a PDF or a photograph for most, and two records without images.
func writeLegacy(ctx context.Context, dir string, studies []dimsetest.CorpusStudy) error {
	if err := os.Mkdir(filepath.Join(dir, "files"), 0o700); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, legacyFile))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, legacySchema); err != nil {
		return err
	}
	for i, s := range studies {
		if err := insertRecord(ctx, db, i+1, s); err != nil {
			return err
		}
		if err := insertDocuments(ctx, db, dir, i+1, s.Description); err != nil {
			return err
		}
	}
	for i := range 2 {
		ghost := dimsetest.CorpusStudy{Department: "LETTERS"}
		ghost.Date, ghost.Description = demoFirst.AddDate(0, 0, 10+i).Format(dicomDay), "Letter without images"
		ghost.Patient.ID = fmt.Sprintf("LETTER%d", i+1)
		if err := insertRecord(ctx, db, 1000+i, ghost); err != nil {
			return err
		}
		if err := insertDocuments(ctx, db, dir, 1000+2*i, ghost.Description); err != nil {
			return err
		}
	}
	return nil
}

// insertRecord adds the record of a study. Every third one names its study by
// accession number and patient ID alone.
func insertRecord(ctx context.Context, db *sql.DB, key int, s dimsetest.CorpusStudy) error {
	day, err := time.Parse(dicomDay, s.Date)
	if err != nil {
		return err
	}
	studyUID := s.UID
	if key%3 == 0 {
		studyUID = ""
	}
	_, err = db.ExecContext(ctx, `INSERT INTO studies VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
		key, isoDay(day), studyUID, s.AccessionNumber, s.Patient.ID, "Synthetic^Patient", s.Modality, s.Department, s.Description,
		fmt.Sprintf("Report of study %d.\nNo finding: this patient does not exist.", key), fmt.Sprintf("Room %d", key%4+1))
	return err
}

// insertDocuments writes the files of a record: a PDF for each second one, a
// photograph for each third.
func insertDocuments(ctx context.Context, db *sql.DB, dir string, key int, title string) error {
	makers := []struct {
		every int
		name  string
		mime  string
		make  func(key int, title string) ([]byte, error)
	}{
		{2, fmt.Sprintf("report-%d.pdf", key), "application/pdf", makePDF},
		{3, fmt.Sprintf("photo-%d.jpg", key), "image/jpeg", makePhotograph},
	}
	for _, m := range makers {
		if key%m.every != 0 {
			continue
		}
		content, err := m.make(key, title)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "files", m.name), content, 0o600); err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, `INSERT INTO documents VALUES (?,?,?,?,?)`, m.name, key, "files:"+m.name, title, m.mime); err != nil {
			return err
		}
	}
	return nil
}

func makePDF(key int, title string) ([]byte, error) {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCreationDate(demoFirst)
	pdf.SetModificationDate(demoFirst)
	pdf.AddPage()
	pdf.SetFont("Helvetica", "", 14)
	pdf.Cell(0, 10, fmt.Sprintf("%s, record %d (synthetic)", title, key))
	var out bytes.Buffer
	err := pdf.Output(&out)
	return out.Bytes(), err
}

func makePhotograph(key int, _ string) ([]byte, error) {
	photo := image.NewRGBA(image.Rect(0, 0, 160, 120))
	for y := range 120 {
		for x := range 160 {
			photo.Set(x, y, color.RGBA{R: uint8(x + key), G: uint8(2 * y), B: uint8(x ^ y), A: 255})
		}
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, photo, &jpeg.Options{Quality: 85})
	return out.Bytes(), err
}
