package staging

import (
	"context"
	"database/sql"
	"errors"
)

// Reopen sets a migrated study on its way again, because NEW was found not to hold
// all of it: the objects with the given UIDs count as not stored and are sent again,
// the others stay as they are. It reports whether the study was migrated; one in
// any other state is left alone.
func (db *DB) Reopen(ctx context.Context, studyUID string, lost []string) (bool, error) {
	reopenedAny := false
	err := db.tx(ctx, "reopen study "+studyUID, func(tx *tx) error {
		var id int64
		err := tx.QueryRowContext(ctx, `UPDATE studies SET `+reopened+`, updated_at = $2 WHERE uid = $1 AND state = 'migrated'
			RETURNING id`, studyUID, db.now()).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		reopenedAny = true
		if err := rouse(ctx, tx, id); err != nil {
			return err
		}
		q := query{engine: db.engine, args: []any{id}}
		_, err = tx.ExecContext(ctx, `UPDATE items SET state = 'pending', stored = 0, found = 0
			WHERE state = 'done' AND study_id = $1 AND `+db.in("object_uid", q.list(lost)), q.args...)
		if err != nil {
			return err
		}
		return recount(ctx, tx, "id = $1", id)
	})
	return reopenedAny, err
}
