package staging

import (
	"context"
	"strings"
	"time"
)

// On PostgreSQL a transaction only inserts what it adds to the counters, so that no
// two wait for each other about a number; the sums over both tables are exact at
// every instant, and folding keeps the second one short.

// foldAtOnce is how many rows one fold takes.
const foldAtOnce = "20000"

// foldEvery is how often a process folds at most.
const foldEvery = 500 * time.Millisecond

// postgresFold leaves out what other transactions have not committed yet. The whole
// by department is kept beside the days and windows.
var postgresFold = func() string {
	sums, sets := make([]string, len(countedColumns)), make([]string, len(countedColumns))
	for i, column := range countedColumns {
		sums[i] = "sum(" + column + ")"
	}
	add := func(table, key string) string {
		for i, column := range countedColumns {
			sets[i] = column + " = " + table + "." + column + " + excluded." + column
		}
		return `INSERT INTO ` + table + ` (` + key + `, ` + strings.Join(countedColumns, ", ") + `)
			SELECT ` + key + `, ` + strings.Join(sums, ", ") + ` FROM taken GROUP BY ` + key + `
			ON CONFLICT (` + key + `) DO UPDATE SET ` + strings.Join(sets, ", ")
	}
	return `WITH taken AS (
			DELETE FROM counter_changes WHERE id IN (SELECT id FROM counter_changes ORDER BY id LIMIT ` + foldAtOnce + `) RETURNING *),
		whole AS (` + add("totals", "department") + `)
		` + add("counters", "range_date, department, window_id")
}()

// fold shortens the way of the counters, where the engine has one.
func (db *DB) fold(ctx context.Context) error {
	if last := db.folded.Load(); db.engine.fold == "" || time.Since(time.Unix(0, last)) < foldEvery || !db.folded.CompareAndSwap(last, time.Now().UnixNano()) {
		return nil
	}
	return db.tx(ctx, "fold the counters", func(tx *tx) error {
		if err := db.alone(ctx, tx, foldLock); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, db.engine.fold)
		return err
	})
}
