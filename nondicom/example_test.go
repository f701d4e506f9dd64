package nondicom_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
)

func Example() {
	dir, err := os.MkdirTemp("", "ris")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "ris.db")
	fill(path, "CREATE TABLE exam (id INTEGER, day DATE, patno TEXT, report TEXT, dose REAL)",
		"INSERT INTO exam VALUES (17, '2026-01-31', 'P1', 'No finding.', 3.5), (9, '2026-01-30', 'P2', NULL, NULL)")

	ctx := context.Background()
	legacy, err := nondicom.OpenLegacy(ctx, nondicom.LegacyOptions{
		URL: "sqlite:" + path,
		Records: `SELECT id AS study_key, day AS study_date, patno AS patient_id, report AS report_text, dose
			FROM exam WHERE day >= :from AND day < :to`,
	})
	if err != nil {
		panic(err)
	}
	defer legacy.Close()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	records, err := legacy.Records(ctx, from, from.AddDate(0, 1, 0), "", 50)
	if err != nil {
		panic(err)
	}
	for _, record := range records {
		report, err := nondicom.ReportOfRecord(nondicom.IdentityFromRecord(record, uid.Derive("study", record.StudyKey)), record)
		if err != nil {
			panic(err)
		}
		fmt.Println(record.StudyKey, record.StudyDate, record.Fields, uid.Name(report.SOPClass))
	}
	// Output:
	// 9 2026-01-30 [{dose }] Basic Text SR Storage
	// 17 2026-01-31 [{dose 3.5}] Basic Text SR Storage
}

func fill(path string, statements ...string) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			panic(err)
		}
	}
}
