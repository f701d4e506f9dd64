package staging

import (
	"context"
	"time"
)

// Pause is what is not to be opened, and since when.
type Pause struct {
	Department string // AllOthers means everything
	Since      time.Time
}

// Pause opens no more studies of the departments, of any without one named, on
// every node and until Resume. What waits in the queue goes back; what is in work
// comes to its end.
func (db *DB) Pause(ctx context.Context, departments ...string) error {
	if len(departments) == 0 {
		departments = []string{AllOthers}
	}
	return db.tx(ctx, "pause", func(tx *tx) error {
		if err := db.alone(ctx, tx, feedLock); err != nil { // nobody feeds what is being paused
			return err
		}
		for _, department := range departments {
			_, err := tx.ExecContext(ctx, `INSERT INTO pauses (department, paused_at) VALUES ($1, $2)
				ON CONFLICT (department) DO NOTHING`, department, db.now())
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `UPDATE studies SET `+takeBack+`, updated_at = $1
				WHERE `+inHand+` AND state = 'queued' AND $2 IN ('*', department)`, db.now(), department)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Resume ends the pauses of the departments; without one named it ends all. It
// returns how many there were.
func (db *DB) Resume(ctx context.Context, departments ...string) (int, error) {
	if len(departments) == 0 {
		return db.change(ctx, "resume", `DELETE FROM pauses`)
	}
	q := query{engine: db.engine}
	q.and(db.in("department", q.list(departments)))
	return db.change(ctx, "resume", `DELETE FROM pauses WHERE `+q.conditions(), q.args...)
}

// Paused lists what is paused.
func (db *DB) Paused(ctx context.Context) ([]Pause, error) {
	var pauses []Pause
	err := db.each(ctx, `SELECT department, paused_at FROM pauses ORDER BY department`, nil, func(row scanner) error {
		var p Pause
		var since int64
		err := row.Scan(&p.Department, &since)
		p.Since = fromMillis(since)
		pauses = append(pauses, p)
		return err
	})
	return pauses, db.wrap("pauses", err)
}

func pausedDepartments(ctx context.Context, tx *tx) ([]string, error) {
	var departments []string
	err := eachRow(ctx, tx, `SELECT department FROM pauses`, nil, func(row scanner) error {
		var department string
		err := row.Scan(&department)
		departments = append(departments, department)
		return err
	})
	return departments, err
}
