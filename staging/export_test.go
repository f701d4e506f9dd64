package staging

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Exec runs a statement past all of the package's own rules, as somebody with a
// tool of his own would.
func (db *DB) Exec(ctx context.Context, statement string, args ...any) error {
	return db.tx(ctx, "exec", func(tx *tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// Int asks for one number.
func (db *DB) Int(ctx context.Context, query string, args ...any) (n int, err error) {
	err = db.read.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// HotQueries are the statements that run all the time, which must not slow down
// as the ledger grows, and the arguments to plan them with.
func (db *DB) HotQueries() map[string][]any {
	f := feeder{db: db, o: FeedOptions{Departments: []string{"RAD"}}}
	hot := map[string][]any{
		extendQueued:    {"", 0, 0},
		countQueued:     {""},
		openDepartments: nil,
		underWay:        nil,
		reclaimWorking:  {0, 0, ""},
		reclaimQueued:   {0, 0, ""},
		expireWorking:   {0, 0},
	}
	failed := db.failedStudies(Scope{From: "2016-03-01", To: "2016-03-31"}, RetryFilter{Class: Network})
	hot[`SELECT id FROM studies WHERE `+failed.conditions()] = failed.args
	text, args := db.statusQuery(Scope{From: "2016-03-01", To: "2016-03-31"}, "")
	hot[text] = args
	for _, q := range []query{f.eligible(""), f.eligibleOf("RAD", "")} {
		text, args := f.inOrder(q, 200)
		hot[text] = args
	}
	return hot
}

// Candidates tells how many studies a queue would take next, and how many rows of studies
// are read for it: PostgreSQL counts them.
func (db *DB) Candidates(ctx context.Context, o FeedOptions, queue string) (found, read int, err error) {
	err = db.tx(ctx, "candidates", func(tx *tx) error {
		f := feeder{db: db, tx: tx, o: o, now: db.now()}
		some, _, err := f.candidates(ctx, queue, o.Room, "")
		if err != nil {
			return err
		}
		found = len(some)
		return tx.QueryRowContext(ctx, `SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'studies'`).Scan(&read)
	})
	return found, read, err
}

// Plan asks the engine how it would run a query.
func (db *DB) Plan(ctx context.Context, query string, args ...any) (plan []string, err error) {
	if db.engine.fold != "" {
		err = db.each(ctx, "EXPLAIN "+query, args, func(row scanner) error {
			var step string
			err := row.Scan(&step)
			plan = append(plan, step)
			return err
		})
		return plan, err
	}
	err = db.each(ctx, "EXPLAIN QUERY PLAN "+query, args, func(row scanner) error {
		var id, parent, unused int
		var step string
		err := row.Scan(&id, &parent, &unused, &step)
		plan = append(plan, step)
		return err
	})
	return plan, err
}

// PostgresAway tells the errors of a database that comes back.
var PostgresAway = postgresAway

// Pack and Unpack are a manifest's two ways.
var (
	Pack   = pack
	Unpack = unpack
)

// Stand fills the ledger with studies by SQL: all but a few are migrated, and every
// thousandth has failed, waits, or has a class to be retried by.
func (db *DB) Stand(ctx context.Context, studies, open int) error {
	series := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)`
	day := `date('2010-01-01', '+' || (i % 5000) || ' days')`
	before, after := []string{`DROP TRIGGER studies_begin`}, []string{`CREATE TRIGGER studies_begin BEFORE INSERT ON studies
		WHEN NEW.state <> 'to-migrate' BEGIN SELECT RAISE(ABORT, 'a study begins as to-migrate'); END`, `ANALYZE`}
	if db.engine.fold != "" {
		series = `WITH n AS (SELECT i FROM generate_series(1, CAST($1 AS integer)) AS i)`
		day = `to_char(date '2010-01-01' + (i % 5000), 'YYYY-MM-DD')`
		before = []string{`ALTER TABLE studies DISABLE TRIGGER studies_begin`}
		after = []string{`ALTER TABLE studies ENABLE TRIGGER studies_begin`, `ANALYZE`}
	}
	const insert = ` INSERT INTO studies (uid, kind, patient_id, issuer, accession_number, department, modalities, study_date, range_date,
			listed_instances, instances, instances_done, instances_received, instances_stored, instances_found, state, class, reason,
			created_at, updated_at)
		SELECT '1.2.826.0.1.3680043.2.1125.' || i, 'images', 'P' || (i / 3), 'HOSPITAL', 'A' || i, 'D' || (i / 5000 % 10), 'CT', DAY, DAY,
			200, CASE WHEN i % $2 > 1 THEN 200 ELSE 0 END, CASE WHEN i % $2 > 1 THEN 200 ELSE 0 END,
			CASE WHEN i % $2 > 1 THEN 200 ELSE 0 END, CASE WHEN i % $2 > 1 THEN 200 ELSE 0 END, CASE WHEN i % $2 > 1 THEN 200 ELSE 0 END,
			CASE i % $2 WHEN 0 THEN 'to-migrate' WHEN 1 THEN 'failed' ELSE 'migrated' END,
			CASE i % $2 WHEN 1 THEN CASE WHEN i % 100000 = 1 THEN 'network' ELSE 'data' END ELSE '' END,
			CASE i % $2 WHEN 1 THEN 'x' ELSE '' END, 0, 0 FROM n`
	for _, statement := range before {
		if err := db.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := db.Exec(ctx, series+strings.ReplaceAll(insert, "DAY", day), studies, open); err != nil {
		return err
	}
	for _, statement := range after {
		if err := db.Exec(ctx, statement); err != nil {
			return err
		}
	}
	for db.engine.fold != "" { // as often as the months of filling such a ledger would
		db.folded.Store(0)
		if err := db.fold(ctx); err != nil {
			return err
		}
		if left, err := db.Int(ctx, `SELECT count(*) FROM counter_changes`); err != nil || left == 0 {
			return errors.Join(err, db.Vacuum(ctx, "counters", "counter_changes"))
		}
	}
	return nil
}

// Suspend begins to feed and does nothing more, as a process that was stopped.
func (db *DB) Suspend(ctx context.Context) (end func(), err error) {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	begun, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	end = func() {
		begun.Rollback()
		conn.Close()
	}
	return end, db.alone(ctx, &tx{begun, conn}, feedLock)
}

// Vacuum gives back what is not used by tables, all of them where none is named.
func (db *DB) Vacuum(ctx context.Context, tables ...string) error {
	_, err := db.write.ExecContext(ctx, "VACUUM FULL "+strings.Join(tables, ", "))
	return err
}

// FillDisk lets the file of a SQLite ledger grow no further; room lets it again.
func (db *DB) FillDisk(ctx context.Context) (room func() error, err error) {
	limit := func(pages int) error {
		_, err := db.write.ExecContext(ctx, "PRAGMA max_page_count = "+strconv.Itoa(pages))
		return err
	}
	return func() error { return limit(1 << 30) }, limit(1) // never less than there are
}
