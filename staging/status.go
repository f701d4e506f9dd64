package staging

import (
	"context"
	"fmt"
	"strings"
)

// Status is the ledger in numbers; its JSON is that of the status command.
type Status struct {
	Studies     StudyCounts      `json:"studies"`
	Instances   InstanceCounts   `json:"instances"`
	Records     RecordCounts     `json:"records"`
	Attachments AttachmentCounts `json:"attachments"`
	Bytes       int64            `json:"bytes"` // of everything done
}

// StudyCounts counts studies by state.
type StudyCounts struct {
	ToMigrate  int `json:"to-migrate"`
	Queued     int `json:"queued"`
	Collecting int `json:"collecting"`
	Delivering int `json:"delivering"`
	Verifying  int `json:"verifying"`
	Migrated   int `json:"migrated"`
	Failed     int `json:"failed"`
	Skipped    int `json:"skipped"`
}

// Of returns the counter of a state, or nil where there is no such state.
func (c *StudyCounts) Of(s State) *int {
	switch s {
	case ToMigrate:
		return &c.ToMigrate
	case Queued:
		return &c.Queued
	case Collecting:
		return &c.Collecting
	case Delivering:
		return &c.Delivering
	case Verifying:
		return &c.Verifying
	case Migrated:
		return &c.Migrated
	case Failed:
		return &c.Failed
	case Skipped:
		return &c.Skipped
	}
	return nil
}

// Found is the number of studies in all.
func (c StudyCounts) Found() int { return c.Migrated + c.Failed + c.Skipped + c.Open() }

// Open is the number of studies that are not at their end.
func (c StudyCounts) Open() int {
	return c.ToMigrate + c.Queued + c.Collecting + c.Delivering + c.Verifying
}

// InstanceCounts counts instances by how far they came. Of a study that was not
// asked for its instances yet, as many are expected as OLD lists.
type InstanceCounts struct {
	Expected int `json:"expected"`
	Received int `json:"received"`
	Stored   int `json:"stored"`
	Verified int `json:"verified"`
}

// RecordCounts counts legacy records.
type RecordCounts struct {
	Expected int `json:"expected"`
	Migrated int `json:"migrated"`
}

// AttachmentCounts counts attachments.
type AttachmentCounts struct {
	Expected int `json:"expected"`
	Migrated int `json:"migrated"`
	Failed   int `json:"failed"`
}

// Status counts the studies of a scope and their items, from the counters; skipped
// items are expected nowhere.
func (db *DB) Status(ctx context.Context, s Scope) (Status, error) {
	groups, err := db.status(ctx, s, "")
	if err != nil || len(groups) == 0 {
		return Status{}, db.wrap("status", err)
	}
	return groups[0].Status, nil
}

// Grouping says by what StatusBy counts.
type Grouping string

// The groupings of StatusBy.
const (
	ByDepartment Grouping = "department"
	ByDay        Grouping = "range_date"
	ByWindow     Grouping = "window_id"
)

// StatusGroup is the status of one department, day or window.
type StatusGroup struct {
	Name   string // the department, the day, or the window's number; "" and "0" for none
	Status Status
}

// StatusBy counts as Status does, for each department, day or window of a scope.
func (db *DB) StatusBy(ctx context.Context, s Scope, by Grouping) ([]StatusGroup, error) {
	switch by {
	case ByDepartment, ByDay, ByWindow:
		groups, err := db.status(ctx, s, by)
		return groups, db.wrap("status by "+string(by), err)
	}
	return nil, fmt.Errorf("staging: status by %q is not counted", by)
}

// countersOfStudies makes the columns of the counters from studies, for a scope
// that names them one by one.
var countersOfStudies = func() string {
	columns := []string{"range_date", "department", "COALESCE(window_id, 0) AS window_id", "uid"}
	for _, state := range States {
		columns = append(columns, fmt.Sprintf("CASE WHEN state = '%s' THEN 1 ELSE 0 END AS %s", state, counterOf(state)))
	}
	return `SELECT ` + strings.Join(append(columns, listedOnly+" AS listed", tallyNames), ", ") + ` FROM studies`
}()

// listedOnly is how many instances OLD lists of a study whose instances are not
// known one by one.
const listedOnly = `CASE WHEN instances = 0 AND state <> 'skipped' AND listed_instances > 0 THEN listed_instances ELSE 0 END`

// counterOf names the column that counts the studies in a state.
func counterOf(s State) string { return strings.ReplaceAll(string(s), "-", "_") }

// countedColumns are what the counters count, in the order in which it is read.
var countedColumns = func() []string {
	var columns []string
	for _, state := range States {
		columns = append(columns, counterOf(state))
	}
	return append(append(columns, "listed"), tallyColumns[:]...)
}()

// counted says what the numbers of a scope, by a grouping or in all, are summed from.
func (db *DB) counted(s Scope, by Grouping) (q query, source string) {
	q = query{engine: db.engine}
	q.scope("c", s)
	switch {
	case len(s.StudyUIDs) > 0:
		return q, "(" + countersOfStudies + ")"
	case s.From == "" && s.To == "" && (by == "" || by == ByDepartment):
		return q, "counted_in_all"
	}
	return q, "counted"
}

// status sums the counters of a scope, by a grouping or in all.
func (db *DB) status(ctx context.Context, s Scope, by Grouping) ([]StatusGroup, error) {
	text, args := db.statusQuery(s, by)
	var groups []StatusGroup
	err := db.each(ctx, text, args, func(row scanner) error {
		var g StatusGroup
		err := g.scan(row)
		groups = append(groups, g)
		return err
	})
	return groups, err
}

func (db *DB) statusQuery(s Scope, by Grouping) (string, []any) {
	q, source := db.counted(s, by)
	sums := make([]string, len(countedColumns))
	for i, column := range countedColumns {
		sums[i] = "COALESCE(sum(c." + column + "), 0)"
	}
	name, grouped := "''", "" // one group needs no sorting
	if by != "" {
		name, grouped = "CAST("+string(by)+" AS text)", " GROUP BY 1 ORDER BY 1"
	}
	return `SELECT ` + name + `, ` + strings.Join(sums, ", ") + ` FROM ` + source + ` AS c WHERE ` + q.conditions() + grouped, q.args
}

func (g *StatusGroup) scan(row scanner) error {
	dest := []any{&g.Name}
	for _, state := range States {
		dest = append(dest, g.Status.Studies.Of(state))
	}
	var listed int
	var t tally
	dest = append(dest, &listed)
	for i := range t {
		dest = append(dest, &t[i])
	}
	if err := row.Scan(dest...); err != nil {
		return err
	}
	count := func(i int) int { return int(t[i]) }
	expected := func(i int) int { return int(t[i] - t[i+3]) } // the skipped ones are not
	g.Status.Instances = InstanceCounts{Expected: listed + expected(tallyInstances),
		Received: count(tallyReceived), Stored: count(tallyReceived + 1), Verified: count(tallyReceived + 2)}
	g.Status.Records = RecordCounts{Expected: expected(tallyRecords), Migrated: count(tallyRecords + 1)}
	g.Status.Attachments = AttachmentCounts{Expected: expected(tallyAttachments),
		Migrated: count(tallyAttachments + 1), Failed: count(tallyAttachments + 2)}
	g.Status.Bytes = t[tallyBytes]
	return nil
}

// Remaining counts the studies of a scope that are not at their end.
func (db *DB) Remaining(ctx context.Context, s Scope) (int, error) {
	q, source := db.counted(s, "")
	return reading(ctx, db.engine, func() (int, error) {
		var open int
		err := db.read.QueryRowContext(ctx, `SELECT COALESCE(sum(to_migrate + queued + collecting + delivering + verifying), 0)
			FROM `+source+` AS c WHERE `+q.conditions(), q.args...).Scan(&open)
		return open, db.wrap("remaining studies", err)
	})
}
