package staging

import (
	"context"
	"fmt"
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

// Status counts the studies of a scope and their items. Skipped items are
// expected nowhere.
func (db *DB) Status(ctx context.Context, s Scope) (Status, error) {
	var status Status
	if err := db.countStudies(ctx, s, &status.Studies); err != nil {
		return Status{}, db.wrap("status", err)
	}
	if err := db.countListed(ctx, s, &status.Instances); err != nil {
		return Status{}, db.wrap("status", err)
	}
	if err := db.countItems(ctx, s, &status); err != nil {
		return Status{}, db.wrap("status", err)
	}
	return status, nil
}

func (db *DB) countStudies(ctx context.Context, s Scope, counts *StudyCounts) error {
	q := query{engine: db.engine}
	q.scope("s", s)
	return db.each(ctx, `SELECT s.state, count(*) FROM studies AS s WHERE `+q.conditions()+` GROUP BY s.state`, q.args, func(row scanner) error {
		var state State
		var n int
		if err := row.Scan(&state, &n); err != nil {
			return err
		}
		counter := counts.Of(state)
		if counter == nil {
			return fmt.Errorf("unknown state %q", state)
		}
		*counter = n
		return nil
	})
}

// countListed adds what OLD lists for studies whose instances are not known one
// by one.
func (db *DB) countListed(ctx context.Context, s Scope, counts *InstanceCounts) error {
	q := query{engine: db.engine}
	q.and("s.listed_instances > 0 AND s.state <> 'skipped'")
	q.and("NOT EXISTS (SELECT 1 FROM items AS i WHERE i.study_id = s.id AND i.kind = 'instance')")
	q.scope("s", s)
	return db.read.QueryRowContext(ctx, `SELECT COALESCE(sum(s.listed_instances), 0) FROM studies AS s WHERE `+q.conditions(), q.args...).
		Scan(&counts.Expected)
}

func (db *DB) countItems(ctx context.Context, s Scope, status *Status) error {
	q := query{engine: db.engine}
	q.and("i.state <> 'skipped'")
	q.scope("s", s)
	return db.each(ctx, `SELECT i.kind, count(*), sum(i.received), sum(i.stored), sum(i.found),
			sum(CASE WHEN i.state = 'done' THEN 1 ELSE 0 END), sum(CASE WHEN i.state = 'failed' THEN 1 ELSE 0 END),
			sum(CASE WHEN i.state = 'done' THEN i.bytes ELSE 0 END)
		FROM items AS i JOIN studies AS s ON s.id = i.study_id WHERE `+q.conditions()+` GROUP BY i.kind`, q.args, func(row scanner) error {
		var kind ItemKind
		var all, received, stored, found, done, failed int
		var bytes int64
		if err := row.Scan(&kind, &all, &received, &stored, &found, &done, &failed, &bytes); err != nil {
			return err
		}
		status.Bytes += bytes
		switch kind {
		case Instance:
			status.Instances.Expected += all
			status.Instances.Received, status.Instances.Stored, status.Instances.Verified = received, stored, found
		case Record:
			status.Records = RecordCounts{Expected: all, Migrated: done}
		case Attachment:
			status.Attachments = AttachmentCounts{Expected: all, Migrated: done, Failed: failed}
		}
		return nil
	})
}

// Remaining counts the studies of a scope that are not at their end.
func (db *DB) Remaining(ctx context.Context, s Scope) (int, error) {
	var counts StudyCounts
	err := db.countStudies(ctx, s, &counts)
	return counts.Open(), db.wrap("remaining studies", err)
}
