package staging

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// ReportLine is one item of the report; its JSON is that of the report command.
type ReportLine struct {
	Kind     ItemKind  `json:"kind"`
	StudyUID string    `json:"study_uid"`
	UID      string    `json:"uid"`
	State    ItemState `json:"state"`
	Class    Class     `json:"class"`
	Reason   string    `json:"reason"`
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`

	Origin  Origin          `json:"origin,omitempty"`  // of its study
	Passage json.RawMessage `json:"passage,omitempty"` // payload of an instance: what is recorded of its way
}

// Report yields one line an item of the studies in a scope, study by study in
// the order of their days. It reads one state of the ledger, while work goes on.
func (db *DB) Report(ctx context.Context, s Scope) iter.Seq2[ReportLine, error] {
	q := query{engine: db.engine}
	q.scope("s", s)
	text := `SELECT s.uid, s.origin, m.items, i.kind, i.uid, i.state, i.class, i.reason, i.bytes, i.sha256,
		CASE WHEN i.kind = 'instance' THEN i.payload END
		FROM studies AS s LEFT JOIN manifests AS m ON m.study_id = s.id LEFT JOIN items AS i ON i.study_id = s.id
		WHERE ` + q.conditions() + ` ORDER BY s.range_date, s.id, i.kind, i.uid`
	return func(yield func(ReportLine, error) bool) {
		err := db.each(ctx, text, q.args, func(row scanner) error {
			lines, err := scanReport(row)
			if err != nil {
				return err
			}
			for _, line := range lines {
				if !yield(line, nil) {
					return errEnough
				}
			}
			return nil
		})
		if err != nil {
			yield(ReportLine{}, db.wrap("report", err))
		}
	}
}

// scanReport reads one item, or all of a study that rest in its manifest.
func scanReport(row scanner) ([]ReportLine, error) {
	var study string
	var origin Origin
	var manifest []byte
	var payload []byte
	var kind, uid, state, class, reason, digest sql.NullString
	var size sql.NullInt64
	if err := row.Scan(&study, &origin, &manifest, &kind, &uid, &state, &class, &reason, &size, &digest, &payload); err != nil {
		return nil, err
	}
	var items []Item
	switch {
	case uid.Valid:
		items = []Item{{Kind: ItemKind(kind.String), UID: uid.String, State: ItemState(state.String), Class: Class(class.String),
			Reason: reason.String, Bytes: size.Int64, SHA256: digest.String, Payload: payload}}
	case manifest != nil:
		var err error
		if items, err = unpack(manifest); err != nil {
			return nil, fmt.Errorf("study %s: %w", study, err)
		}
	}
	lines := make([]ReportLine, len(items))
	for i, it := range items {
		lines[i] = ReportLine{Kind: it.Kind, StudyUID: study, UID: it.UID, State: it.State, Class: it.Class, Reason: it.Reason,
			Bytes: it.Bytes, SHA256: it.SHA256, Origin: origin}
		if it.Kind == Instance && len(it.Payload) > 0 {
			lines[i].Passage = it.Payload
		}
	}
	return lines, nil
}

// Studies yields the studies of a scope in the order of their days.
func (db *DB) Studies(ctx context.Context, s Scope) iter.Seq2[Study, error] {
	q := query{engine: db.engine}
	q.scope("studies", s)
	return stream(ctx, db, "studies", `SELECT `+studyColumns+` FROM studies WHERE `+q.conditions()+` ORDER BY range_date, id`, q.args, scanStudy)
}

// stream turns a query into a sequence. An error is its last element.
func stream[T any](ctx context.Context, db *DB, doing, text string, args []any, scan func(scanner) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := db.each(ctx, text, args, func(row scanner) error {
			value, err := scan(row)
			if err != nil {
				return err
			}
			if !yield(value, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			var none T
			yield(none, db.wrap(doing, err))
		}
	}
}

// errStopped ends a stream whose reader has had enough.
var errStopped = errors.New("stopped by the reader")

// FailedStudy is a study that failed, why, and what of it stands at NEW all the
// same; its JSON is that of the failed command.
type FailedStudy struct {
	StudyUID        string   `json:"study_uid"`
	StudyKey        string   `json:"study_key"`
	AccessionNumber string   `json:"accession_number"`
	Department      string   `json:"department"`
	Class           Class    `json:"class"`
	Reason          string   `json:"reason"`
	Attempts        int      `json:"attempts"`
	LeftBehind      []string `json:"left_behind"`
}

// Failed lists the failed studies of a scope, with what they left at NEW.
func (db *DB) Failed(ctx context.Context, s Scope) ([]FailedStudy, error) {
	q := query{engine: db.engine}
	q.and("s.state = 'failed'")
	q.scope("s", s)
	failed := []FailedStudy{} // an empty list, not null, in JSON
	var last int64
	err := db.each(ctx, `SELECT s.id, s.uid, s.study_key, s.accession_number, s.department, s.class, s.reason, s.attempts, COALESCE(i.object_uid, '')
		FROM studies AS s LEFT JOIN items AS i ON i.study_id = s.id AND (i.stored = 1 OR i.found = 1) AND i.object_uid <> ''
		WHERE `+q.conditions()+` ORDER BY s.range_date, s.id, i.object_uid`, q.args, func(row scanner) error {
		f := FailedStudy{LeftBehind: []string{}}
		var id int64
		var left string
		err := row.Scan(&id, &f.StudyUID, &f.StudyKey, &f.AccessionNumber, &f.Department, &f.Class, &f.Reason, &f.Attempts, &left)
		if err != nil {
			return err
		}
		if id != last {
			failed, last = append(failed, f), id
		}
		if left != "" {
			latest := &failed[len(failed)-1]
			latest.LeftBehind = append(latest.LeftBehind, left)
		}
		return nil
	})
	return failed, db.wrap("failed studies", err)
}
