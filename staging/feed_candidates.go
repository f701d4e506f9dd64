package staging

import (
	"cmp"
	"context"
	"slices"
)

// candidate is a study that may be queued.
type candidate struct {
	id        int64
	priority  int
	rangeDate string
	patient   patient
}

type patient struct{ id, issuer string }

// candidates returns the studies a queue takes next, and whether there may be more. A
// patient with a study in hand, or one already chosen, waits.
func (f *feeder) candidates(ctx context.Context, queue string, room int, condition string) (found []candidate, more bool, err error) {
	next, err := f.next(ctx, queue, room, condition)
	if err != nil {
		return nil, false, err
	}
	patients := map[patient]bool{}
	for _, c := range next {
		if c.patient.id != "" && patients[c.patient] {
			continue
		}
		patients[c.patient] = true
		found = append(found, c)
	}
	return found, len(next) == room, nil
}

// next returns as many studies of a queue as there is room for, in the order of the queue.
// Departments that share one are asked one by one, along the index, and merged here: one
// query of all but the departments with queues of their own would read past every study
// that waits in those.
func (f *feeder) next(ctx context.Context, queue string, room int, condition string) ([]candidate, error) {
	departments := []string{queue}
	if queue == AllOthers {
		if len(f.notOthers()) == 0 {
			return f.read(ctx, f.eligible(condition), room)
		}
		var err error
		if departments, err = f.others(ctx); err != nil {
			return nil, err
		}
	}
	var all []candidate
	for _, department := range departments {
		some, err := f.read(ctx, f.eligibleOf(department, condition), room)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(b.rangeDate, a.rangeDate), cmp.Compare(b.id, a.id))
	})
	return all[:min(len(all), room)], nil
}

func (f *feeder) read(ctx context.Context, q query, limit int) (found []candidate, err error) {
	text, args := f.inOrder(q, limit)
	err = eachRow(ctx, f.tx, text, args, func(row scanner) error {
		var c candidate
		err := row.Scan(&c.id, &c.priority, &c.rangeDate, &c.patient.id, &c.patient.issuer)
		found = append(found, c)
		return err
	})
	return found, err
}

// inOrder is the query for candidates: greater priority first, then the newest.
func (f *feeder) inOrder(q query, limit int) (text string, args []any) {
	text = `SELECT s.id, s.priority, s.range_date, s.patient_id, s.issuer FROM studies AS s WHERE ` + q.conditions() +
		` ORDER BY s.priority DESC, s.range_date DESC, s.id DESC LIMIT ` + q.arg(limit) + f.db.skipLocked
	return text, q.args
}

// eligible are the conditions of the studies that may be queued.
func (f *feeder) eligible(condition string) query {
	q := query{engine: f.db.engine}
	q.and("s.state = 'to-migrate' AND s.not_before <= " + q.arg(f.now))
	if condition != "" {
		q.and(condition)
	}
	q.and("s.holder IN ('', " + q.arg(f.o.Node) + ")")
	if f.o.Begun {
		q.and("s.claimed_at > 0")
	}
	q.and(`(s.patient_id = '' OR NOT EXISTS (SELECT 1 FROM studies AS busy
		WHERE busy.patient_id = s.patient_id AND busy.issuer = s.issuer AND busy.` + inHand + `))`)
	q.scope("s", f.o.Scope)
	return q
}

// eligibleOf are those of one department.
func (f *feeder) eligibleOf(department, condition string) query {
	q := f.eligible(condition)
	q.and("s.department = " + q.arg(department))
	return q
}

// openDepartments lists the departments that have studies to migrate, by one step along
// the index for each.
const openDepartments = `WITH RECURSIVE departments(name) AS (
		SELECT min(department) FROM studies WHERE state = 'to-migrate'
		UNION ALL SELECT (SELECT min(department) FROM studies WHERE state = 'to-migrate' AND department > departments.name)
			FROM departments WHERE name IS NOT NULL)
	SELECT name FROM departments WHERE name IS NOT NULL`

// others are the departments that share a queue and have something to do.
func (f *feeder) others(ctx context.Context) ([]string, error) {
	if f.rest != nil {
		return f.rest, nil
	}
	f.rest = []string{}
	not := f.notOthers()
	err := eachRow(ctx, f.tx, openDepartments, nil, func(row scanner) error {
		var department string
		err := row.Scan(&department)
		if !slices.Contains(not, department) {
			f.rest = append(f.rest, department)
		}
		return err
	})
	return f.rest, err
}

// notOthers are the departments that the queue of the others must not take from:
// those with one of their own, and those that are paused.
func (f *feeder) notOthers() []string {
	own := f.departments()
	return append(own[:len(own)-1], f.paused...)
}
