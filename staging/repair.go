package staging

import (
	"context"
)

// Reopen sets a migrated study on its way again, because NEW was found not to hold
// all of it: the objects with the given UIDs count as not stored and are sent again,
// the others stay as they are. It reports whether the study was migrated; one in
// any other state is left alone.
func (db *DB) Reopen(ctx context.Context, studyUID string, lost []string) (bool, error) {
	reopenedAny := false
	err := db.tx(ctx, "reopen study "+studyUID, func(tx *tx) error {
		n, err := rowsOf(tx.ExecContext(ctx, `UPDATE studies SET `+reopened+`, updated_at = $2 WHERE uid = $1 AND state = 'migrated'`, studyUID, db.now()))
		if err != nil || n == 0 {
			return err
		}
		reopenedAny = true
		q := query{engine: db.engine, args: []any{studyUID}}
		_, err = tx.ExecContext(ctx, `UPDATE items SET state = 'pending', stored = 0, found = 0
			WHERE state = 'done' AND study_id = (SELECT id FROM studies WHERE uid = $1) AND `+db.in("object_uid", q.list(lost)), q.args...)
		return err
	})
	return reopenedAny, err
}
