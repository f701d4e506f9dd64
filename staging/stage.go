package staging

import (
	"context"
	"errors"
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
	err := db.tx(ctx, "stage studies", func(tx *tx) (err error) {
		staged, err = db.stageStudies(ctx, tx, windowID, studies)
		return err
	})
	return staged, err
}

func (db *DB) stageStudies(ctx context.Context, tx *tx, windowID int64, studies []Study) (Staged, error) {
	s, err := db.stager(ctx, tx, windowID, mergeListed)
	if err != nil {
		return Staged{}, err
	}
	if err := s.studies(ctx, studies); err != nil {
		return Staged{}, err
	}
	return s.staged, nil
}

// incoming is the table that a batch is loaded into, in the fastest way the engine
// has, before it meets the ledger in a few statements. It lives with the connection.
const incoming = `CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
	new_position integer, new_uid text, new_key text, new_kind text, new_patient text, new_issuer text, new_accession text,
	new_department text, new_modalities text, new_description text, new_date text, new_range text, new_listed integer,
	new_priority integer)`

// incomingColumns are its columns, in the order in which a study is loaded.
var incomingColumns = []string{
	"new_position", "new_uid", "new_key", "new_kind", "new_patient", "new_issuer", "new_accession",
	"new_department", "new_modalities", "new_description", "new_date", "new_range", "new_listed", "new_priority",
}

const insertStudies = `INSERT INTO studies (uid, window_id, study_key, kind, patient_id, issuer, accession_number, department,
		modalities, description, study_date, range_date, listed_instances, priority, created_at, updated_at)
	SELECT new_uid, CAST($1 AS bigint), new_key, new_kind, new_patient, new_issuer, new_accession, new_department,
		new_modalities, new_description, new_date, new_range, new_listed, new_priority, CAST($2 AS bigint), CAST($2 AS bigint)
	FROM incoming WHERE true ORDER BY new_position
	ON CONFLICT (uid) DO NOTHING`

// grew is true of a study for which OLD now lists more instances than before;
// where nothing was listed, more than are known, and of one that came unasked, any.
const grew = `new_listed > CASE WHEN listed_instances >= 0 THEN listed_instances WHEN origin <> '' THEN 0 ELSE instances END`

// reopened sets a migrated study on its way again with all its attempts.
const reopened = `state = 'to-migrate', class = '', reason = '', attempts = 0, soft_tries = 0, not_before = 0,
	waiting_since = 0`

const reopenGrown = `UPDATE studies SET ` + reopened + `, updated_at = $1 FROM incoming
	WHERE studies.uid = new_uid AND state = 'migrated' AND ` + grew + ` RETURNING studies.id`

// merge updates the known studies of a batch. What OLD lists replaces what is
// known (new first), what a legacy record says fills the gaps (new last); nothing
// is replaced by an empty value, and images make a ghost a study.
func merge(text func(column, new string) string) string {
	return `UPDATE studies SET
		grown = CASE WHEN ` + inWork + ` AND ` + grew + ` THEN 1 ELSE grown END,
		kind = CASE WHEN new_kind = 'images' THEN 'images' ELSE kind END,
		listed_instances = CASE WHEN new_listed >= 0 THEN new_listed ELSE listed_instances END,
		study_key = ` + text("study_key", "new_key") + `,
		patient_id = ` + text("patient_id", "new_patient") + `,
		issuer = ` + text("issuer", "new_issuer") + `,
		accession_number = ` + text("accession_number", "new_accession") + `,
		department = ` + text("department", "new_department") + `,
		modalities = ` + text("modalities", "new_modalities") + `,
		description = ` + text("description", "new_description") + `,
		study_date = ` + text("study_date", "new_date") + `,
		range_date = COALESCE(NULLIF(` + text("study_date", "new_date") + `, ''), ` + text("range_date", "new_range") + `),
		updated_at = $1
	FROM incoming WHERE studies.uid = new_uid`
}

var (
	mergeListed = merge(func(column, new string) string { return "COALESCE(NULLIF(" + new + ", ''), " + column + ")" })
	mergeRecord = merge(func(column, new string) string { return "COALESCE(NULLIF(" + column + ", ''), " + new + ")" })
)

// stager stages batches of studies in one transaction.
type stager struct {
	db        *DB
	tx        *tx
	windowID  any
	now       int64
	mergeText string
	staged    Staged
}

func (db *DB) stager(ctx context.Context, tx *tx, windowID int64, mergeText string) (*stager, error) {
	s := &stager{db: db, tx: tx, now: db.now(), mergeText: mergeText}
	if windowID != 0 {
		s.windowID = windowID
	}
	_, err := tx.ExecContext(ctx, incoming)
	return s, err
}

// studies inserts or updates studies. One that is named more than once is updated
// with each, in turn.
func (s *stager) studies(ctx context.Context, studies []Study) error {
	for len(studies) > 0 {
		var rows [][]any
		var again []Study
		seen := make(map[string]bool, len(studies))
		for _, study := range studies {
			if study.UID == "" {
				return errors.New("a study without a UID")
			}
			if seen[study.UID] {
				again = append(again, study)
				continue
			}
			seen[study.UID] = true
			rows = append(rows, study.withDefaults().row(len(rows)))
		}
		if err := s.load(ctx, rows); err != nil {
			return err
		}
		studies = again
	}
	return nil
}

func (s Study) row(position int) []any {
	return []any{position, s.UID, s.Key, string(s.Kind), s.PatientID, s.Issuer, s.AccessionNumber, s.Department, s.Modalities,
		s.Description, s.Date, s.RangeDate, s.ListedInstances, s.Priority}
}

// load takes rows of different studies in.
func (s *stager) load(ctx context.Context, rows [][]any) error {
	if err := s.db.fill(ctx, s.tx, "incoming", incomingColumns, rows); err != nil {
		return fmt.Errorf("load the batch: %w", err)
	}
	added, err := rowsOf(s.tx.ExecContext(ctx, insertStudies, s.windowID, s.now))
	if err != nil {
		return err
	}
	s.staged.New += added
	if known := len(rows) - added; known > 0 {
		s.staged.Known += known
		if err := s.update(ctx); err != nil {
			return err
		}
	}
	_, err = s.tx.ExecContext(ctx, `DELETE FROM incoming`)
	return err
}

// update sets migrated studies that grew on their way again, and takes over what
// is new about the others.
func (s *stager) update(ctx context.Context) error {
	var again []int64
	err := eachRow(ctx, s.tx, reopenGrown, []any{s.now}, func(row scanner) error {
		var id int64
		err := row.Scan(&id)
		again = append(again, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range again {
		if err := rouse(ctx, s.tx, id); err != nil {
			return err
		}
	}
	s.staged.Reopened += len(again)
	_, err = s.tx.ExecContext(ctx, s.mergeText, s.now)
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
