package staging

import (
	"context"
	"fmt"
)

// PatientConflict is a patient ID that several issuers use, for people to look at: a
// pair of ID and issuer is never taken for another.
type PatientConflict struct {
	PatientID string   `json:"patient_id"`
	Issuers   []string `json:"issuers"` // "" is none
	Studies   int      `json:"studies"`
}

// PatientConflicts lists the patient IDs of a scope with more than one issuer, at most
// so many, and counts the studies without a patient ID.
func (db *DB) PatientConflicts(ctx context.Context, s Scope, most int) (conflicts []PatientConflict, nameless int, err error) {
	q := query{engine: db.engine}
	q.scope("s", s)
	where := q.conditions()
	err = db.each(ctx, `SELECT count(*) FROM studies AS s WHERE s.patient_id = '' AND `+where, q.args, func(row scanner) error { return row.Scan(&nameless) })
	if err != nil {
		return nil, 0, db.wrap("studies without a patient ID", err)
	}
	limit := q.arg(most)
	text := fmt.Sprintf(`SELECT s.patient_id, s.issuer, count(*) FROM studies AS s WHERE %s AND s.patient_id IN (
		SELECT s.patient_id FROM studies AS s WHERE %s AND s.patient_id <> '' GROUP BY s.patient_id HAVING min(s.issuer) <> max(s.issuer)
		ORDER BY s.patient_id LIMIT %s) GROUP BY s.patient_id, s.issuer ORDER BY s.patient_id, s.issuer`, where, where, limit)
	err = db.each(ctx, text, q.args, func(row scanner) error {
		var id, issuer string
		var studies int
		if err := row.Scan(&id, &issuer, &studies); err != nil {
			return err
		}
		if n := len(conflicts); n == 0 || conflicts[n-1].PatientID != id {
			conflicts = append(conflicts, PatientConflict{PatientID: id})
		}
		last := &conflicts[len(conflicts)-1]
		last.Issuers = append(last.Issuers, issuer)
		last.Studies += studies
		return nil
	})
	return conflicts, nameless, db.wrap("patients with several issuers", err)
}
