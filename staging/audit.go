package staging

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
)

// AuditError says what in the ledger contradicts itself.
type AuditError struct {
	Rule  string
	Count int
	First string // one study that breaks the rule
}

func (e *AuditError) Error() string {
	return fmt.Sprintf("%d break the rule: %s; one is %s", e.Count, e.Rule, e.First)
}

// Temporary reports false: a person has to look.
func (e *AuditError) Temporary() bool { return false }

// audits are the rules of the ledger, each with the condition of a study s that
// breaks it. CHECK constraints and triggers guard most of them as well: an audit
// is for the day when somebody has used a tool of his own on the database.
var audits = []struct{ rule, broken string }{
	{"the items of a study are as many as its row says",
		`NOT EXISTS (SELECT 1 FROM manifests AS m WHERE m.study_id = s.id) AND (` + tallyNames + `) <> (` + countItems + `s.id)`},
	{"a study has a manifest or rows of items, not both",
		`EXISTS (SELECT 1 FROM manifests AS m WHERE m.study_id = s.id) AND
			(s.state <> 'migrated' OR EXISTS (SELECT 1 FROM items AS i WHERE i.study_id = s.id))`},
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
	for _, check := range []func(context.Context) error{db.auditCounters, db.auditTotals, db.auditManifests} {
		err := check(ctx)
		var found *AuditError
		if err != nil && !errors.As(err, &found) {
			return db.wrap("audit", err)
		}
		broken = append(broken, err)
	}
	return db.wrap("audit", errors.Join(broken...))
}

// auditCounters proves the counters against the rows of studies, in one statement,
// while work goes on.
func (db *DB) auditCounters(ctx context.Context) error {
	var minus, differs []string
	for _, column := range countedColumns {
		minus = append(minus, "-"+column)
		differs = append(differs, "sum("+column+") <> 0")
	}
	const key = "range_date, department, window_id, "
	e := AuditError{Rule: "the counters of each day, department and window are the sums of its studies"}
	err := db.read.QueryRowContext(ctx, `SELECT count(*), COALESCE(min(range_date || ' ' || department || ' ' || window_id), '') FROM (
		SELECT range_date, department, window_id FROM (
			SELECT `+key+strings.Join(countedColumns, ", ")+` FROM counted
			UNION ALL SELECT `+key+strings.Join(minus, ", ")+` FROM (`+countersOfStudies+`) AS s) AS each
		GROUP BY range_date, department, window_id HAVING `+strings.Join(differs, " OR ")+`) AS wrong`).Scan(&e.Count, &e.First)
	if err != nil || e.Count == 0 {
		return err
	}
	return &e
}

// auditTotals proves the sums of the whole against those of its days and windows.
func (db *DB) auditTotals(ctx context.Context) error {
	var minus, differs []string
	for _, column := range countedColumns {
		minus = append(minus, "-"+column)
		differs = append(differs, "sum("+column+") <> 0")
	}
	e := AuditError{Rule: "the counters of each department are the sums of its days and windows"}
	err := db.read.QueryRowContext(ctx, `SELECT count(*), COALESCE(min(department), '') FROM (
		SELECT department FROM (SELECT department, `+strings.Join(countedColumns, ", ")+` FROM counted_in_all
			UNION ALL SELECT department, `+strings.Join(minus, ", ")+` FROM counted) AS each
		GROUP BY department HAVING `+strings.Join(differs, " OR ")+`) AS wrong`).Scan(&e.Count, &e.First)
	if err != nil || e.Count == 0 {
		return err
	}
	return &e
}

// auditManifests proves what each migrated study is said to have against its
// manifest.
func (db *DB) auditManifests(ctx context.Context) error {
	e := AuditError{Rule: "the manifest of a migrated study holds as many items as its row says, all proven or skipped"}
	err := db.each(ctx, `SELECT s.uid, m.items, `+tallyNames+` FROM manifests AS m JOIN studies AS s ON s.id = m.study_id`, nil, func(row scanner) error {
		var uid string
		var manifest []byte
		var said tally
		dest := []any{&uid, &manifest}
		for i := range said {
			dest = append(dest, &said[i])
		}
		if err := row.Scan(dest...); err != nil {
			return err
		}
		if items, err := unpack(manifest); err != nil || tallyOf(items) != said || finished(items) != nil {
			e.First = cmp.Or(e.First, uid)
			e.Count++
		}
		return nil
	})
	if err != nil || e.Count == 0 {
		return err
	}
	return &e
}
