package staging

import (
	"context"
	"errors"
)

// Urgent is the priority of what a person wants first.
const Urgent = 100

// Selection names studies the way a person does. What is left empty does not
// matter; all that is given must agree.
type Selection struct {
	StudyUID, PatientID, AccessionNumber string
}

// Prioritise gives the selected studies that have not come to their end a
// priority, and returns how many there are. Those that wait in the queue go back,
// to be queued again in front of the others; room for them is made at once.
func (db *DB) Prioritise(ctx context.Context, s Selection, priority int) (int, error) {
	if s == (Selection{}) {
		return 0, errors.New("staging: nothing is selected")
	}
	selected := 0
	err := db.tx(ctx, "prioritise", func(tx *tx) error {
		if err := db.alone(ctx, tx, feedLock); err != nil {
			return err
		}
		q := query{engine: db.engine, args: []any{priority, db.now()}}
		for column, value := range map[string]string{"uid": s.StudyUID, "patient_id": s.PatientID, "accession_number": s.AccessionNumber} {
			if value != "" {
				q.and(column + " = " + q.arg(value))
				q.and(column + " <> ''") // as the index says it
			}
		}
		var err error
		selected, err = rowsOf(tx.ExecContext(ctx, `UPDATE studies SET priority = $1, updated_at = $2
			WHERE `+q.conditions()+` AND state NOT IN ('migrated', 'skipped')`, q.args...))
		if err != nil || selected == 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE studies SET `+takeBack+`, updated_at = $2
			WHERE `+q.conditions()+` AND state = 'queued' AND priority = $1`, q.args...)
		return err
	})
	return selected, err
}
