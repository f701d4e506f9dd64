package staging_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

func TestStagingTwiceDoublesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		if got, want := l.stage(t, study(1), study(2)), (staging.Staged{New: 2}); got != want {
			t.Errorf("the first time: %+v", got)
		}
		changed := study(2)
		changed.Description, changed.Department, changed.ListedInstances = "Chest", "", 5
		if got, want := l.stage(t, study(1), changed, study(3)), (staging.Staged{New: 1, Known: 2}); got != want {
			t.Errorf("the second time: %+v", got)
		}
		got, _ := l.study(t, "1.2.2")
		want := study(2)
		want.ID, want.Kind, want.State, want.RangeDate = got.ID, staging.Images, staging.ToMigrate, want.Date
		want.Description, want.ListedInstances = "Chest", 5
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestABatchIsTakenWholeOrNotAtAll(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		_, err := l.StageStudies(l.ctx, 0, []staging.Study{study(1), {UID: ""}})
		if err == nil {
			t.Fatal("a study without a UID was taken")
		}
		if n, _ := l.Remaining(l.ctx, staging.Scope{}); n != 0 {
			t.Errorf("%d studies of the broken batch are there", n)
		}
	})
}

func TestOnlyAMigratedStudyThatGrewOpensAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		must(t, l.migrate(l.claim(t, "1.2.1"), instances("1.2.1", 2)))
		if got := l.stage(t, study(1)); got != (staging.Staged{Known: 1}) {
			t.Errorf("the same study again: %+v", got)
		}
		fewer := study(1)
		fewer.ListedInstances = 1
		if got := l.stage(t, fewer); got != (staging.Staged{Known: 1}) {
			t.Errorf("with fewer instances: %+v", got)
		}
		unknown := study(1)
		unknown.ListedInstances = -1
		if got := l.stage(t, unknown); got != (staging.Staged{Known: 1}) {
			t.Errorf("with an unknown number: %+v", got)
		}
		more := study(1)
		more.ListedInstances = 3
		if got := l.stage(t, more); got != (staging.Staged{Known: 1, Reopened: 1}) {
			t.Errorf("with more instances: %+v", got)
		}
		s, items := l.study(t, "1.2.1")
		if s.State != staging.ToMigrate || s.Attempts != 0 || items[0].State != staging.ItemDone {
			t.Errorf("the study is %+v, its first item %+v", s, items[0])
		}
		must(t, l.migrate(l.claim(t, "1.2.1"), instances("1.2.1", 3)))
		l.audit(t)
	})
}

func TestAStudyThatGrowsInWorkIsNotFinished(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		more := study(1)
		more.ListedInstances = 3
		l.stage(t, more)
		mustBe(t, l.migrate(c, instances("1.2.1", 2)), staging.ErrGrew)
		must(t, c.Return(l.ctx, "", "it grew", 0, true))
		must(t, l.migrate(l.claim(t, "1.2.1"), instances("1.2.1", 3)))
	})
}

func record(s staging.Study, key string, attachments ...string) staging.StagedRecord {
	r := staging.StagedRecord{Study: s, Record: staging.Item{Kind: staging.Record, UID: key, Payload: []byte(`{"k":1}`)}}
	for _, a := range attachments {
		r.Attachments = append(r.Attachments, staging.Item{Kind: staging.Attachment, UID: a, Payload: []byte(`{}`)})
	}
	return r
}

func TestRecordsFillGapsAndReopen(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		w, err := l.TakeWindow(l.ctx, day(2), day(3), node, lease)
		must(t, err)
		undated := staging.Study{UID: "1.2.1", PatientID: "P1", ListedInstances: 1}
		l.stage(t, undated)
		must(t, l.migrate(l.claim(t, "1.2.1"), instances("1.2.1", 1)))

		said := staging.Study{UID: "1.2.1", Key: "77", PatientID: "OTHER", Department: "CARD", RangeDate: "2026-01-02", ListedInstances: -1}
		batch := []staging.StagedRecord{record(said, "77", "a1", "a2"), record(staging.Study{UID: "2.25.9", Key: "78", Kind: staging.Ghost, RangeDate: "2026-01-02"}, "78")}
		staged, err := w.StageRecords(l.ctx, "78", batch)
		must(t, err)
		if staged != (staging.Staged{New: 1, Known: 1, Reopened: 1}) {
			t.Errorf("staged %+v", staged)
		}
		s, items := l.study(t, "1.2.1")
		if s.PatientID != "P1" || s.Department != "CARD" || s.Key != "77" || s.RangeDate != "2026-01-02" || s.State != staging.ToMigrate || s.ListedInstances != 1 {
			t.Errorf("the study is %+v", s)
		}
		if len(items) != 4 {
			t.Errorf("it has %d items", len(items))
		}
		if now := l.windows(t)[0]; now.RecordCursor != "78" {
			t.Errorf("the window is %+v", now)
		}
		must(t, l.migrate(l.claim(t, "1.2.1"), nil))
		if staged, err = w.StageRecords(l.ctx, "78", batch); err != nil || staged != (staging.Staged{Known: 2}) {
			t.Errorf("the same records again: %+v, %v", staged, err)
		}
		ghost, _ := l.study(t, "2.25.9")
		l.stage(t, staging.Study{UID: "2.25.9", ListedInstances: 4})
		found, _ := l.study(t, "2.25.9")
		if ghost.Kind != staging.Ghost || found.Kind != staging.Images {
			t.Errorf("the ghost is %s, and once OLD lists it %s", ghost.Kind, found.Kind)
		}
		l.audit(t)
	})
}

func TestAPlaceholderIsSkippedOnceItsRecordJoined(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		placeholder := record(staging.Study{UID: "2.25.1", Kind: staging.Ambiguous, Key: "5"}, "5", "a1")
		_, err := l.StageRecords(l.ctx, []staging.StagedRecord{placeholder})
		must(t, err)
		must(t, l.claim(t, "2.25.1").Fail(l.ctx, staging.Data, "two studies match"))
		joined := record(study(1), "5", "a1")
		joined.Placeholder = "2.25.1"
		_, err = l.StageRecords(l.ctx, []staging.StagedRecord{joined})
		must(t, err)
		s, items := l.study(t, "2.25.1")
		if s.State != staging.Skipped || s.Reason != "joined 1.2.1" || items[0].State != staging.ItemSkipped {
			t.Errorf("the placeholder is %+v with %+v", s, items)
		}
		status, err := l.Status(l.ctx, staging.Scope{})
		if err != nil || status.Records.Expected != 1 || status.Attachments.Expected != 1 {
			t.Errorf("status is %+v, %v", status, err)
		}
		l.audit(t)
	})
}

func TestTextsThatADatabaseRefusesAreMadeStorable(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, staging.Study{UID: "1", PatientID: "P\x00\xff1", Description: "\xc4\xe3"})
		s, _ := l.study(t, "1")
		if s.PatientID != "P\uFFFD1" || !strings.Contains(s.Description, "\uFFFD") {
			t.Errorf("the study is %+v", s)
		}
	})
}
