package staging

import (
	"context"
	"time"
)

// Pace is what was migrated in one stretch of time.
type Pace struct {
	From      time.Time `json:"from"`
	Studies   int       `json:"studies"`
	Instances int       `json:"instances"`
	Bytes     int64     `json:"bytes"`
}

// paceSteps are the lengths of a stretch, the shortest first.
var paceSteps = []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour,
	6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}

// Paces tells how fast the studies of a scope were migrated, in at most so many
// stretches of one length, without gaps. Each study counts when it was migrated last;
// those migrated before the ledger kept the time do not count.
func (db *DB) Paces(ctx context.Context, s Scope, most int) (paces []Pace, step time.Duration, err error) {
	q := query{engine: db.engine}
	q.and("state = 'migrated' AND migrated_at > 0")
	q.scope("studies", s)
	var first, last int64
	err = db.each(ctx, `SELECT COALESCE(min(migrated_at), 0), COALESCE(max(migrated_at), 0) FROM studies WHERE `+q.conditions(), q.args, func(row scanner) error {
		return row.Scan(&first, &last)
	})
	if err != nil || first == 0 {
		return nil, 0, db.wrap("paces", err)
	}
	var length, begin, slots int64
	for _, step = range paceSteps {
		length = step.Milliseconds()
		begin = first / length
		if slots = last/length - begin + 1; slots <= int64(most) {
			break
		}
	}
	paces = make([]Pace, slots)
	for i := range paces {
		paces[i].From = fromMillis((begin + int64(i)) * length).UTC()
	}
	by := q.arg(length)
	err = db.each(ctx, `SELECT migrated_at / CAST(`+by+` AS bigint), count(*), sum(instances_done), sum(bytes_done) FROM studies
		WHERE `+q.conditions()+` GROUP BY 1`, q.args, func(row scanner) error {
		var slot int64
		var p Pace
		if err := row.Scan(&slot, &p.Studies, &p.Instances, &p.Bytes); err != nil {
			return err
		}
		if i := slot - begin; i >= 0 && i < slots { // work goes on between the two queries
			p.From = paces[i].From
			paces[i] = p
		}
		return nil
	})
	return paces, step, db.wrap("paces", err)
}
