package staging

import (
	"context"
	"time"
)

// Lately returns the UIDs of some of the studies that were migrated within a time, at
// random.
func (db *DB) Lately(ctx context.Context, within time.Duration, most int) ([]string, error) {
	var uids []string
	err := db.each(ctx, `SELECT uid FROM studies WHERE state = 'migrated' AND migrated_at >= $1 ORDER BY random() LIMIT $2`,
		[]any{db.now() - within.Milliseconds(), most}, func(row scanner) error {
			var uid string
			err := row.Scan(&uid)
			uids = append(uids, uid)
			return err
		})
	return uids, db.wrap("studies migrated lately", err)
}
