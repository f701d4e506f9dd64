package staging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// StagedRecord is a legacy record with its attachments and the study they
// belong to.
type StagedRecord struct {
	Study       Study
	Record      Item // Kind Record; the zero Item where records are not carried
	Attachments []Item
	// SameFile reports of two attachments with one key, by their payloads, whether they
	// are one file: of what the study holds, and of one of these. Nil: a key is a file.
	SameFile func(held, staged []byte) bool
	// Placeholder is the UID of the ambiguous or ghost study that may have stood
	// for this record before it joined; it is skipped as joined. "" for none.
	Placeholder string
}

// StageRecords takes a batch of legacy records into the ledger. What a record says of a
// known study fills gaps only. A migrated study that gained a record or an attachment
// returns to to-migrate. Records of a window are staged by its claim, with its cursor.
func (db *DB) StageRecords(ctx context.Context, records []StagedRecord) (Staged, error) {
	var staged Staged
	err := db.tx(ctx, "stage records", func(tx *tx) (err error) {
		staged, err = db.stageRecords(ctx, tx, 0, records)
		return err
	})
	return staged, err
}

func (db *DB) stageRecords(ctx context.Context, tx *tx, windowID int64, records []StagedRecord) (Staged, error) {
	s, err := db.stager(ctx, tx, windowID, mergeRecord)
	if err != nil {
		return Staged{}, err
	}
	studies := make([]Study, len(records))
	for i, record := range records {
		studies[i] = record.Study
	}
	if err := s.studies(ctx, studies); err != nil {
		return Staged{}, err
	}
	for _, record := range records {
		if err := s.record(ctx, record); err != nil {
			return Staged{}, fmt.Errorf("record of study %q: %w", record.Study.UID, err)
		}
	}
	return s.staged, nil
}

func (s *stager) record(ctx context.Context, r StagedRecord) error {
	if r.Study.UID == r.Placeholder {
		r.Placeholder = ""
	}
	var studyID int64
	err := s.tx.QueryRowContext(ctx, `SELECT id FROM studies WHERE uid = $1`, r.Study.UID).Scan(&studyID)
	if err != nil {
		return err
	}
	resting, err := readManifest(ctx, s.tx, studyID)
	if err != nil {
		return err
	}
	items, err := s.apart(ctx, studyID, r, resting)
	if err != nil {
		return err
	}
	if r.Record.UID != "" {
		items = append([]Item{r.Record}, items...)
	}
	gained, err := s.items(ctx, studyID, items, resting)
	if err != nil {
		return err
	}
	if gained {
		if err := s.gain(ctx, studyID); err != nil {
			return err
		}
	}
	return s.skipPlaceholder(ctx, r.Placeholder, r.Study.UID)
}

// apart gives attachments other keys whose own stand, in their study, for other files:
// old systems number the files of each record by themselves. What is in the ledger keeps
// its key; what comes later gets its record's before its own, RECORD/KEY.
func (s *stager) apart(ctx context.Context, studyID int64, r StagedRecord, resting []Item) ([]Item, error) {
	if r.SameFile == nil || len(r.Attachments) == 0 {
		return r.Attachments, nil
	}
	held := map[string][]byte{}
	for _, it := range resting {
		if it.Kind == Attachment {
			held[it.UID] = it.Payload
		}
	}
	const query = `SELECT uid, payload FROM items WHERE study_id = $1 AND kind = 'attachment'`
	err := eachRow(ctx, s.tx, query, []any{studyID}, func(row scanner) error {
		var uid string
		var payload []byte
		err := row.Scan(&uid, &payload)
		held[uid] = payload
		return err
	})
	if err != nil {
		return nil, err
	}
	another := func(it Item) bool {
		payload, taken := held[it.UID]
		return taken && !r.SameFile(payload, it.Payload)
	}
	items := slices.Clone(r.Attachments)
	for i := range items {
		for another(items[i]) {
			items[i].UID = r.Study.Key + "/" + items[i].UID
		}
		held[items[i].UID] = items[i].Payload
	}
	return items, nil
}

// items adds the items a study did not have, neither as rows nor at rest, and reports
// whether there were any. Of the others the payload is renewed, unless it is what was
// already migrated.
func (s *stager) items(ctx context.Context, studyID int64, items, resting []Item) (bool, error) {
	items, err := prepared(items)
	if err != nil || len(items) == 0 {
		return false, err
	}
	if len(resting) > 0 {
		known := make(map[itemKey]bool, len(resting))
		for _, it := range resting {
			known[it.key()] = true
		}
		items = slices.DeleteFunc(items, func(it Item) bool { return known[it.key()] })
		if len(items) == 0 {
			return false, nil
		}
		if err := rouse(ctx, s.tx, studyID); err != nil {
			return false, err
		}
	}
	known, err := knownItems(ctx, s.tx, s.db.engine, studyID, items)
	if err != nil {
		return false, err
	}
	if err := writeItems(ctx, s.tx, studyID, items, renewItem); err != nil {
		return false, err
	}
	return len(known) < len(items), nil
}

// renewItem gives a known item its new payload while it is not proven.
const renewItem = `ON CONFLICT (study_id, kind, uid) DO UPDATE SET
	payload = CASE WHEN items.state = 'done' THEN items.payload ELSE excluded.payload END`

// gain re-opens a migrated study, and marks one in work so that it goes again
// after this time. Either has more items now.
func (s *stager) gain(ctx context.Context, studyID int64) error {
	again, err := rowsOf(s.tx.ExecContext(ctx, `UPDATE studies SET `+reopened+`, updated_at = $2
		WHERE id = $1 AND state = 'migrated'`, studyID, s.now))
	if err != nil {
		return err
	}
	s.staged.Reopened += again
	_, err = s.tx.ExecContext(ctx, `UPDATE studies SET grown = CASE WHEN `+inWork+` THEN 1 ELSE grown END, updated_at = $2, `+recounted+`
		WHERE id = $1`, studyID, s.now)
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
	var id int64
	err := s.tx.QueryRowContext(ctx, `UPDATE studies SET state = 'skipped', class = '', reason = $2, updated_at = $3
		WHERE uid = $1 AND kind IN ('ambiguous', 'ghost') AND state IN ('to-migrate', 'failed') AND NOT EXISTS (
			SELECT 1 FROM items WHERE items.study_id = studies.id AND (items.stored = 1 OR items.found = 1)) RETURNING id`,
		placeholder, reason, s.now).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.tx.ExecContext(ctx, `UPDATE items SET state = 'skipped', class = '', reason = $2
		WHERE study_id = $1 AND state <> 'done'`, id, reason)
	if err != nil {
		return err
	}
	return recount(ctx, s.tx, "id = $1", id)
}
