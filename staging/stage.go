package staging

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Staged counts what a batch did to the ledger.
type Staged struct {
	New      int // studies that were not known
	Known    int // studies that were
	Reopened int // known ones that were migrated, have gained something and go again
}

// StageStudies takes a batch of studies that OLD lists into the ledger, all or
// none. A known study is updated; a migrated one returns to to-migrate when OLD
// lists more instances than before, and only then. The window may be 0.
func (db *DB) StageStudies(ctx context.Context, windowID int64, studies []Study) (Staged, error) {
	var staged Staged
	err := db.tx(ctx, "stage studies", func(tx *tx) error {
		s, err := newStager(ctx, tx, windowID, db.now(), mergeListed)
		if err != nil {
			return err
		}
		defer s.close()
		for _, study := range studies {
			if err := s.study(ctx, study); err != nil {
				return fmt.Errorf("study %q: %w", study.UID, err)
			}
		}
		staged = s.staged
		return nil
	})
	return staged, err
}

const insertStudy = `INSERT INTO studies (uid, window_id, study_key, kind, patient_id, issuer, accession_number, department,
		modalities, description, study_date, range_date, listed_instances, priority, created_at, updated_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
	ON CONFLICT (uid) DO NOTHING`

// grew is true of a study for which OLD now lists $2 instances, more than were
// listed before; where nothing was listed, more than were carried.
const grew = `$2 > CASE WHEN listed_instances >= 0 THEN listed_instances
	ELSE (SELECT count(*) FROM items WHERE items.study_id = studies.id AND items.kind = 'instance') END`

// reopened sets a migrated study on its way again with all its attempts.
const reopened = `state = 'to-migrate', class = '', reason = '', attempts = 0, soft_tries = 0, not_before = 0`

const reopenGrown = `UPDATE studies SET ` + reopened + `, updated_at = $3 WHERE uid = $1 AND state = 'migrated' AND ` + grew

// merge updates a known study. What OLD lists replaces what is known (new
// first), what a legacy record says fills the gaps (new last); nothing is
// replaced by an empty value, and images make a ghost a study.
func merge(text func(column, placeholder string) string) string {
	return `UPDATE studies SET
		grown = CASE WHEN ` + inWork + ` AND ` + grew + ` THEN 1 ELSE grown END,
		kind = CASE WHEN $4 = 'images' THEN 'images' ELSE kind END,
		listed_instances = CASE WHEN $2 >= 0 THEN $2 ELSE listed_instances END,
		study_key = ` + text("study_key", "$5") + `,
		patient_id = ` + text("patient_id", "$6") + `,
		issuer = ` + text("issuer", "$7") + `,
		accession_number = ` + text("accession_number", "$8") + `,
		department = ` + text("department", "$9") + `,
		modalities = ` + text("modalities", "$10") + `,
		description = ` + text("description", "$11") + `,
		study_date = ` + text("study_date", "$12") + `,
		range_date = COALESCE(NULLIF(` + text("study_date", "$12") + `, ''), ` + text("range_date", "$13") + `),
		updated_at = $3
	WHERE uid = $1`
}

var (
	mergeListed = merge(func(column, new string) string { return "COALESCE(NULLIF(" + new + ", ''), " + column + ")" })
	mergeRecord = merge(func(column, new string) string { return "COALESCE(NULLIF(" + column + ", ''), " + new + ")" })
)

// stager stages the studies of one batch in one transaction.
type stager struct {
	tx       *tx
	windowID any
	now      int64
	staged   Staged

	insert, reopen, merge *sql.Stmt
}

func newStager(ctx context.Context, tx *tx, windowID, now int64, mergeText string) (*stager, error) {
	s := &stager{tx: tx, now: now}
	if windowID != 0 {
		s.windowID = windowID
	}
	for statement, text := range map[**sql.Stmt]string{&s.insert: insertStudy, &s.reopen: reopenGrown, &s.merge: mergeText} {
		prepared, err := tx.PrepareContext(ctx, text)
		if err != nil {
			s.close()
			return nil, err
		}
		*statement = prepared
	}
	return s, nil
}

func (s *stager) close() {
	for _, statement := range []*sql.Stmt{s.insert, s.reopen, s.merge} {
		if statement != nil {
			statement.Close()
		}
	}
}

// study inserts or updates one study.
func (s *stager) study(ctx context.Context, study Study) error {
	study = study.withDefaults()
	added, err := rowsOf(s.insert.ExecContext(ctx, study.UID, s.windowID, study.Key, study.Kind, study.PatientID, study.Issuer,
		study.AccessionNumber, study.Department, study.Modalities, study.Description, study.Date, study.RangeDate,
		study.ListedInstances, study.Priority, s.now))
	if err != nil {
		return err
	}
	if added > 0 {
		s.staged.New++
		return nil
	}
	s.staged.Known++
	again, err := rowsOf(s.reopen.ExecContext(ctx, study.UID, study.ListedInstances, s.now))
	if err != nil {
		return err
	}
	s.staged.Reopened += again
	_, err = s.merge.ExecContext(ctx, study.UID, study.ListedInstances, s.now, study.Kind, study.Key, study.PatientID, study.Issuer,
		study.AccessionNumber, study.Department, study.Modalities, study.Description, study.Date, study.RangeDate)
	return err
}

// withDefaults fills in what a study leaves out, and makes its texts ones that
// every engine can keep.
func (s Study) withDefaults() Study {
	if s.Kind == "" {
		s.Kind = Images
	}
	for _, text := range []*string{&s.Key, &s.PatientID, &s.Issuer, &s.AccessionNumber, &s.Department, &s.Modalities, &s.Description} {
		*text = storable(*text)
	}
	if s.Date != "" {
		s.RangeDate = s.Date
	}
	return s
}

// storable replaces what PostgreSQL refuses in a text: NUL, and bytes that are
// not UTF-8. Data sets are never touched; this is for finding and showing.
func storable(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
}
