package staging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrInHand is returned by Join for a study that is queued or in work, or that another
// node is the holder of: what came for it joins when that has come to its end.
var ErrInHand = errors.New("the study is in hand")

// joinItem marks an item that was known with how it came; what it lacked can come now.
const joinItem = keepItem + `, payload = excluded.payload, state = 'pending', class = '', reason = ''`

// reopenJoined sets a study on its way again, with a holder from then on. A ghost that
// gets images is a study.
const reopenJoined = `UPDATE studies SET ` + reopened + `, holder = $2, updated_at = $3,
	kind = CASE WHEN kind = 'ghost' THEN 'images' ELSE kind END WHERE id = $1`

// Join takes instances into the ledger that came to a node without being asked for: into
// their study, which goes on its way again, or into a new one, whose origin is
// Unsolicited. The node is the holder of the study until it is migrated.
func (db *DB) Join(ctx context.Context, node string, study Study, items []Item) error {
	return db.tx(ctx, "join study "+study.UID, func(tx *tx) error {
		var id int64
		var state State
		var holder string
		err := tx.QueryRowContext(ctx, `SELECT id, state, holder FROM studies WHERE uid = $1`+db.locked, study.UID).Scan(&id, &state, &holder)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			id, err = db.stageUnsolicited(ctx, tx, node, study)
		case err != nil:
		case state == Queued || state.InWork() || holder != "" && holder != node:
			err = ErrInHand
		default:
			err = db.rejoin(ctx, tx, id, node)
		}
		if err != nil {
			return err
		}
		if items, err = prepared(items); err != nil {
			return err
		}
		if err := writeItems(ctx, tx, id, items, joinItem); err != nil {
			return err
		}
		return recount(ctx, tx, "id = $1", id)
	})
}

// stageUnsolicited makes a study of what came.
func (db *DB) stageUnsolicited(ctx context.Context, tx *tx, node string, s Study) (id int64, err error) {
	s = s.withDefaults()
	now := db.now()
	err = tx.QueryRowContext(ctx, `INSERT INTO studies (uid, study_key, kind, patient_id, issuer, accession_number, department,
			modalities, description, study_date, range_date, origin, holder, created_at, updated_at)
		VALUES ($1, '', 'images', $2, $3, $4, $5, $6, $7, $8, $9, 'unsolicited', $10, $11, $11)
		ON CONFLICT (uid) DO NOTHING RETURNING id`, s.UID, s.PatientID, s.Issuer, s.AccessionNumber, s.Department,
		s.Modalities, s.Description, s.Date, s.RangeDate, node, now).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrInHand // somebody staged it this moment
	}
	if err != nil {
		return 0, fmt.Errorf("stage the study: %w", err)
	}
	return id, nil
}

// rejoin opens a study at rest for what has come.
func (db *DB) rejoin(ctx context.Context, tx *tx, id int64, node string) error {
	if err := rouse(ctx, tx, id); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE items SET state = 'pending', class = '', reason = ''
		WHERE study_id = $1 AND state = 'failed'`, id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, reopenJoined, id, node, db.now())
	return err
}

// UnsolicitedCounts counts the studies of a scope whose origin is Unsolicited.
type UnsolicitedCounts struct {
	Studies  int `json:"studies"`
	Migrated int `json:"migrated"`
	Failed   int `json:"failed"`
}

// UnsolicitedStudies counts the studies of a scope that came without being asked for.
func (db *DB) UnsolicitedStudies(ctx context.Context, s Scope) (UnsolicitedCounts, error) {
	q := query{engine: db.engine}
	q.and("studies.origin <> ''")
	q.scope("studies", s)
	n, err := reading(ctx, db.engine, func() (n UnsolicitedCounts, err error) {
		err = db.read.QueryRowContext(ctx, `SELECT count(*), COALESCE(sum(CASE WHEN state = 'migrated' THEN 1 ELSE 0 END), 0),
			COALESCE(sum(CASE WHEN state = 'failed' THEN 1 ELSE 0 END), 0) FROM studies WHERE `+q.conditions(), q.args...).
			Scan(&n.Studies, &n.Migrated, &n.Failed)
		return n, err
	})
	return n, db.wrap("unsolicited studies", err)
}

// Settle brings everything that was committed so far onto the disk, as far as the engine
// left that open: a power cut does not take it back.
func (db *DB) Settle(ctx context.Context) error {
	if db.settle == "" {
		return nil
	}
	_, err := db.write.ExecContext(ctx, db.settle)
	return db.wrap("settle the ledger", err)
}
