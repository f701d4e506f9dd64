package staging

import (
	"context"
	"fmt"
)

// StudyFilter says which studies somebody asks about. Empty fields ask for everything.
type StudyFilter struct {
	UIDs            []string
	PatientID       string
	AccessionNumber string
	From, To        string // Study Date, "2026-01-31", both included
}

// CatalogueEntry is a study with the numbers of its objects.
type CatalogueEntry struct {
	Study
	Instances   InstanceCounts
	Records     RecordCounts
	Attachments AttachmentCounts
}

// Catalogue returns at most so many of the studies that a filter names, those with
// ledger numbers above after, in the order of these numbers. What was returned
// last is where the next page begins; a page that is not full is the last.
func (db *DB) Catalogue(ctx context.Context, f StudyFilter, after int64, most int) ([]CatalogueEntry, error) {
	q := query{engine: db.engine}
	q.and("id > " + q.arg(after))
	if len(f.UIDs) > 0 {
		q.and(db.in("uid", q.list(f.UIDs)))
	}
	for _, equal := range []struct{ column, value string }{{"patient_id", f.PatientID}, {"accession_number", f.AccessionNumber}} {
		if equal.value != "" {
			q.and(equal.column + " = " + q.arg(equal.value))
		}
	}
	if f.AccessionNumber != "" {
		q.and("accession_number <> ''") // the index is of these
	}
	if f.From != "" {
		q.and("study_date >= " + q.arg(f.From))
	}
	if f.To != "" {
		q.and("study_date <= " + q.arg(f.To) + " AND study_date <> ''")
	}
	entries := make([]CatalogueEntry, 0, min(most, 1000))
	limit := q.arg(most)
	text := fmt.Sprintf(`SELECT instances, instances_received, instances_stored, instances_found, records, records_done,
		attachments, attachments_done, attachments_failed, %s FROM studies WHERE %s ORDER BY id LIMIT %s`,
		studyColumns, q.conditions(), limit)
	err := db.each(ctx, text, q.args, func(row scanner) error {
		var e CatalogueEntry
		i, r, a := &e.Instances, &e.Records, &e.Attachments
		var err error
		e.Study, err = scanStudy(prefixed{row, []any{&i.Expected, &i.Received, &i.Stored, &i.Verified,
			&r.Expected, &r.Migrated, &a.Expected, &a.Migrated, &a.Failed}})
		if e.Instances.Expected == 0 && e.ListedInstances > 0 {
			e.Instances.Expected = e.ListedInstances
		}
		entries = append(entries, e)
		return err
	})
	return entries, db.wrap("catalogue", err)
}
