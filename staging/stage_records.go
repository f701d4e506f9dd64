package staging

import (
	"context"
	"fmt"
)

// StagedRecord is a legacy record with its attachments and the study they
// belong to.
type StagedRecord struct {
	Study       Study
	Record      Item // Kind Record; the zero Item where records are not carried
	Attachments []Item
	// Placeholder is the UID of the ambiguous or ghost study that may have stood
	// for this record before it joined; it is skipped as joined. "" for none.
	Placeholder string
}

// StageRecords takes a batch of legacy records into the ledger and moves the
// window's cursor in the same transaction. What a record says of a known study
// fills gaps only. A migrated study that gained a record or an attachment
// returns to to-migrate. The window may be 0, then there is no cursor.
func (db *DB) StageRecords(ctx context.Context, windowID int64, cursor string, records []StagedRecord) (Staged, error) {
	var staged Staged
	err := db.tx(ctx, "stage records", func(tx *tx) error {
		s, err := newStager(ctx, tx, windowID, db.now(), mergeRecord)
		if err != nil {
			return err
		}
		defer s.close()
		for _, record := range records {
			if err := s.record(ctx, record); err != nil {
				return fmt.Errorf("record of study %q: %w", record.Study.UID, err)
			}
		}
		staged = s.staged
		if windowID == 0 {
			return nil
		}
		return oneRow(tx.ExecContext(ctx, `UPDATE windows SET record_cursor = $2, updated_at = $3 WHERE id = $1`,
			windowID, cursor, s.now))
	})
	return staged, err
}

func (s *stager) record(ctx context.Context, r StagedRecord) error {
	if r.Study.UID == r.Placeholder {
		r.Placeholder = ""
	}
	if err := s.study(ctx, r.Study); err != nil {
		return err
	}
	var studyID int64
	err := s.tx.QueryRowContext(ctx, `SELECT id FROM studies WHERE uid = $1`, r.Study.UID).Scan(&studyID)
	if err != nil {
		return err
	}
	items := r.Attachments
	if r.Record.UID != "" {
		items = append([]Item{r.Record}, items...)
	}
	gained, err := s.items(ctx, studyID, items)
	if err != nil {
		return err
	}
	if gained > 0 {
		if err := s.gain(ctx, studyID); err != nil {
			return err
		}
	}
	return s.skipPlaceholder(ctx, r.Placeholder, r.Study.UID)
}

// items adds the items a study did not have and returns their number. Of the
// others the payload is renewed, unless it is what was already migrated.
func (s *stager) items(ctx context.Context, studyID int64, items []Item) (int, error) {
	gained := 0
	for _, it := range items {
		if err := it.check(); err != nil {
			return 0, err
		}
		added, err := rowsOf(s.tx.ExecContext(ctx, `INSERT INTO items (study_id, kind, uid, object_uid, series_uid, sop_class,
				transfer_syntax, bytes, sha256, payload)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (study_id, kind, uid) DO NOTHING`,
			studyID, it.Kind, it.UID, it.ObjectUID, it.SeriesUID, it.SOPClass, it.TransferSyntax, it.Bytes, it.SHA256, it.Payload))
		if err != nil {
			return 0, fmt.Errorf("%s %q: %w", it.Kind, it.UID, err)
		}
		if gained += added; added > 0 {
			continue
		}
		_, err = s.tx.ExecContext(ctx, `UPDATE items SET payload = $4
			WHERE study_id = $1 AND kind = $2 AND uid = $3 AND state <> 'done'`, studyID, it.Kind, it.UID, it.Payload)
		if err != nil {
			return 0, fmt.Errorf("%s %q: %w", it.Kind, it.UID, err)
		}
	}
	return gained, nil
}

// gain re-opens a migrated study, and marks one in work so that it goes again
// after this time.
func (s *stager) gain(ctx context.Context, studyID int64) error {
	again, err := rowsOf(s.tx.ExecContext(ctx, `UPDATE studies SET `+reopened+`, updated_at = $2
		WHERE id = $1 AND state = 'migrated'`, studyID, s.now))
	if err != nil {
		return err
	}
	s.staged.Reopened += again
	_, err = s.tx.ExecContext(ctx, `UPDATE studies SET grown = 1, updated_at = $2 WHERE id = $1 AND `+inWork, studyID, s.now)
	return err
}

// skipPlaceholder ends the study that stood for a record which has now found its
// own: an ambiguous one, or a ghost of which nothing has reached NEW. One in a
// worker's hand is left to it and ends the next time.
func (s *stager) skipPlaceholder(ctx context.Context, placeholder, joined string) error {
	if placeholder == "" {
		return nil
	}
	reason := "joined " + joined
	skipped, err := rowsOf(s.tx.ExecContext(ctx, `UPDATE studies SET state = 'skipped', class = '', reason = $2, updated_at = $3
		WHERE uid = $1 AND kind IN ('ambiguous', 'ghost') AND state IN ('to-migrate', 'failed') AND NOT EXISTS (
			SELECT 1 FROM items WHERE items.study_id = studies.id AND (items.stored = 1 OR items.found = 1))`,
		placeholder, reason, s.now))
	if err != nil || skipped == 0 {
		return err
	}
	_, err = s.tx.ExecContext(ctx, `UPDATE items SET state = 'skipped', class = '', reason = $2
		WHERE study_id = (SELECT id FROM studies WHERE uid = $1) AND state <> 'done'`, placeholder, reason)
	return err
}
