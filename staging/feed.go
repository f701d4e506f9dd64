package staging

import (
	"context"
	"slices"
	"time"

	"github.com/riverqueue/river"
)

// FeedOptions say how much of what to queue.
type FeedOptions struct {
	Node        string        // who holds what is queued
	Scope       Scope         // which studies
	Begun       bool          // of them only those that have been in work before
	Room        int           // how many studies may stand in this node's queue at once, over all departments
	Departments []string      // departments with a queue of their own; the rest shares "*"
	Lease       time.Duration // how long the node holds what is queued, 0: 10 seconds; Feed extends it
}

// queuedLease is how long what is queued is held for a node that does not feed any
// more, or waits for a job that died with the process that took it.
const queuedLease = 10 * time.Second

// Feed tops the queue up from the ledger and returns how many studies it
// queued: greater priority first, then the newest, none before its time, and of
// one patient never two at once. The row and its job commit together. Each
// department has its share of the room, so that a big one starves no other.
func (db *DB) Feed(ctx context.Context, o FeedOptions) (int, error) {
	if o.Lease <= 0 {
		o.Lease = queuedLease
	}
	fed := 0
	err := db.tx(ctx, "feed the queue", func(tx *tx) error {
		f := feeder{db: db, tx: tx, o: o, now: db.now()}
		if err := db.alone(ctx, tx, feedLock); err != nil {
			return err
		}
		if err := f.extendLeases(ctx); err != nil {
			return err
		}
		if err := f.measure(ctx); err != nil {
			return err
		}
		if open, err := f.open(ctx); err != nil || !open {
			return err
		}
		for _, department := range f.departments() {
			if err := f.express(ctx, department); err != nil {
				return err
			}
		}
		for _, department := range f.departments() {
			if err := f.top(ctx, department); err != nil {
				return err
			}
		}
		fed = len(f.jobs)
		if fed == 0 {
			return nil
		}
		return db.jobs.insert(ctx, tx, f.jobs)
	})
	if err != nil {
		return 0, err
	}
	return fed, nil
}

// feeder is one run of Feed.
type feeder struct {
	db     *DB
	tx     *tx
	o      FeedOptions
	now    int64
	queued map[string]int // by department, "*" for those without a queue of their own
	total  int
	urgent int      // of them that were prioritised
	paused []string // departments
	rest   []string // departments without a queue of their own that have something to do; nil: not looked for yet
	jobs   []river.InsertManyParams
}

const (
	// extendQueued leaves out a study whose job was taken, by a process that died
	// before it claimed the study: its lease runs out, and it is queued again.
	extendQueued = `UPDATE studies SET lease_until = $2 WHERE ` + inHand + ` AND state = 'queued' AND node = $1 AND lease_until < $3
		AND id IN (SELECT CAST(args ->> 'study_id' AS bigint) FROM river_job WHERE state = 'available' AND kind = 'study')`
	countQueued = `SELECT department, count(*), sum(CASE WHEN priority > 0 THEN 1 ELSE 0 END) FROM studies
		WHERE ` + inHand + ` AND state = 'queued' AND node = $1 GROUP BY department`
)

func (f *feeder) leaseUntil() int64 { return f.now + f.o.Lease.Milliseconds() }

// extendLeases keeps what already waits, once half of its time has gone.
func (f *feeder) extendLeases(ctx context.Context) error {
	_, err := f.tx.ExecContext(ctx, extendQueued, f.o.Node, f.leaseUntil(), f.now+f.o.Lease.Milliseconds()/2)
	return err
}

// measure counts what waits already.
func (f *feeder) measure(ctx context.Context) error {
	f.queued = map[string]int{}
	return eachRow(ctx, f.tx, countQueued, []any{f.o.Node}, func(row scanner) error {
		var department string
		var n, urgent int
		if err := row.Scan(&department, &n, &urgent); err != nil {
			return err
		}
		f.urgent += urgent
		f.queued[queueOf(department, f.o.Departments)] += n
		f.total += n
		return nil
	})
}

// departments lists the queues, that of all others last.
func (f *feeder) departments() []string {
	own := slices.DeleteFunc(slices.Clone(f.o.Departments), func(d string) bool { return d == AllOthers || d == "" })
	return append(own, AllOthers)
}

// open reads what is paused, and reports whether anything may be opened at all:
// not while everything is paused, or a PACS is left alone.
func (f *feeder) open(ctx context.Context) (bool, error) {
	var err error
	if f.paused, err = pausedDepartments(ctx, f.tx); err != nil || slices.Contains(f.paused, AllOthers) {
		return false, err
	}
	var resting int
	err = f.tx.QueryRowContext(ctx, `SELECT count(*) FROM peers WHERE rest_until > $1`, f.now).Scan(&resting)
	return resting == 0, err
}

// express queues the prioritised studies of a department, whether or not there is
// room among the others.
func (f *feeder) express(ctx context.Context, department string) error {
	before := f.total
	err := f.fill(ctx, department, f.o.Room-f.urgent, "s.priority > 0")
	f.urgent += f.total - before
	return err
}

// top fills one department's queue up to its share of the room.
func (f *feeder) top(ctx context.Context, department string) error {
	queues := len(f.departments())
	share := (f.o.Room + queues - 1) / queues
	return f.fill(ctx, department, min(share-f.queued[department], f.o.Room-f.total), "")
}

// fill queues as many studies of a department as there is room for, of those that
// a condition lets pass.
func (f *feeder) fill(ctx context.Context, department string, room int, condition string) error {
	if slices.Contains(f.paused, department) {
		return nil
	}
	for room > 0 {
		found, more, err := f.candidates(ctx, department, room, condition)
		if err != nil {
			return err
		}
		if err := f.queue(ctx, department, found); err != nil {
			return err
		}
		if room -= len(found); !more {
			return nil
		}
	}
	return nil
}

// queue makes studies queued and remembers their jobs.
func (f *feeder) queue(ctx context.Context, department string, studies []candidate) error {
	if len(studies) == 0 {
		return nil
	}
	ids := make([]int64, len(studies))
	for i, study := range studies {
		ids[i] = study.id
		f.jobs = append(f.jobs, studyJob(study, department))
	}
	f.queued[department] += len(studies)
	f.total += len(studies)
	q := query{engine: f.db.engine, args: []any{f.o.Node, f.leaseUntil(), f.now}}
	q.and(q.engine.inNumbers("id", q.numbers(ids)))
	_, err := f.tx.ExecContext(ctx, `UPDATE studies SET state = 'queued', node = $1, lease_until = $2, fence = fence + 1,
		updated_at = $3 WHERE `+q.conditions(), q.args...)
	return err
}
