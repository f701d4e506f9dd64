package staging

import (
	"context"
	"errors"
	"fmt"
)

// AuditError says what in the ledger contradicts itself.
type AuditError struct {
	Rule  string
	Count int
	First string // one study that breaks the rule
}

func (e *AuditError) Error() string {
	return fmt.Sprintf("%d studies break the rule: %s; one is %s", e.Count, e.Rule, e.First)
}

// Temporary reports false: a person has to look.
func (e *AuditError) Temporary() bool { return false }

// audits are the rules of the ledger, each with the condition of a study s that
// breaks it. CHECK constraints and triggers guard most of them as well: an audit
// is for the day when somebody has used a tool of his own on the database.
var audits = []struct{ rule, broken string }{
	{"every study is in a known state",
		`s.state NOT IN ('to-migrate', 'queued', 'collecting', 'delivering', 'verifying', 'migrated', 'failed', 'skipped')`},
	{"a migrated study has only items that are done or skipped",
		`s.state = 'migrated' AND EXISTS (SELECT 1 FROM items AS i WHERE i.study_id = s.id AND i.state IN ('pending', 'failed'))`},
	{"a done item was found at its target",
		`EXISTS (SELECT 1 FROM items AS i WHERE i.study_id = s.id AND i.state = 'done' AND i.found = 0)`},
	{"a study in hand has a holder and no other has",
		`(s.state IN ('queued', 'collecting', 'delivering', 'verifying')) <> (s.node <> '')`},
	{"a failed study says why",
		`s.state = 'failed' AND (s.class = '' OR s.reason = '')`},
	{"a skipped study says why and has no open items",
		`s.state = 'skipped' AND (s.reason = '' OR EXISTS (SELECT 1 FROM items AS i WHERE i.study_id = s.id AND i.state IN ('pending', 'failed')))`},
	{"of one patient one study at most is in hand",
		`s.state IN ('queued', 'collecting', 'delivering', 'verifying') AND s.patient_id <> '' AND EXISTS (
			SELECT 1 FROM studies AS o WHERE o.patient_id = s.patient_id AND o.issuer = s.issuer AND o.id <> s.id
			AND o.state IN ('queued', 'collecting', 'delivering', 'verifying'))`},
}

// Audit checks that the ledger agrees with itself: every study counted once,
// in one state, with the proof its state needs. It returns an *AuditError for
// each rule that is broken, joined.
func (db *DB) Audit(ctx context.Context) error {
	var broken []error
	for _, a := range audits {
		e := AuditError{Rule: a.rule}
		err := db.read.QueryRowContext(ctx, `SELECT count(*), COALESCE(min(s.uid), '') FROM studies AS s WHERE `+a.broken).Scan(&e.Count, &e.First)
		if err != nil {
			return db.wrap("audit", err)
		}
		if e.Count > 0 {
			broken = append(broken, &e)
		}
	}
	return db.wrap("audit", errors.Join(broken...))
}
