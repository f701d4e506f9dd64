package staging_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

// fill makes a ledger with a study migrated, one failed, one in work and one
// that waits.
func (l *ledger) fill(t *testing.T) {
	t.Helper()
	l.stage(t, study(1), study(2), study(3), study(4))
	_, err := l.StageRecords(l.ctx, []staging.StagedRecord{record(study(1), "k1", "a1", "a2"), record(study(2), "k2", "a3")})
	must(t, err)
	must(t, l.migrate(l.claim(t, "1.2.1"), instances("1.2.1", 2)))
	c := l.claim(t, "1.2.2")
	items := instances("1.2.2", 2)
	items[0].Received, items[0].Stored, items[0].Bytes = true, true, 7
	must(t, c.Save(l.ctx, items))
	must(t, c.Fail(l.ctx, staging.Incomplete, "1.2.2.1 did not come"))
	c = l.claim(t, "1.2.3")
	must(t, c.Expect(l.ctx, instances("1.2.3", 3)))
	must(t, c.Advance(l.ctx, staging.Delivering))
}

func TestStatusIsTheObjectOfTheDesign(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		for want, prepare := range map[string]func(){
			`{"studies":{"to-migrate":0,"queued":0,"collecting":0,"delivering":0,"verifying":0,"migrated":0,"failed":0,"skipped":0},` +
				`"instances":{"expected":0,"received":0,"stored":0,"verified":0},"records":{"expected":0,"migrated":0},` +
				`"attachments":{"expected":0,"migrated":0,"failed":0},"bytes":0}`: func() {},
		} {
			prepare()
			status, err := l.Status(l.ctx, staging.Scope{})
			must(t, err)
			if got, _ := json.Marshal(status); string(got) != want {
				t.Errorf("status of an empty ledger is %s", got)
			}
		}
		l.fill(t)
		status, err := l.Status(l.ctx, staging.Scope{})
		must(t, err)
		want := staging.Status{
			Studies:     staging.StudyCounts{Queued: 1, Delivering: 1, Migrated: 1, Failed: 1},
			Instances:   staging.InstanceCounts{Expected: 2 + 2 + 3 + 2, Received: 3, Stored: 3, Verified: 2},
			Records:     staging.RecordCounts{Expected: 2, Migrated: 1},
			Attachments: staging.AttachmentCounts{Expected: 3, Migrated: 2, Failed: 1},
			Bytes:       500,
		}
		if diff := cmp.Diff(want, status); diff != "" {
			t.Error(diff)
		}
		if status.Studies.Found() != 4 || status.Studies.Open() != 2 {
			t.Errorf("%d found, %d open", status.Studies.Found(), status.Studies.Open())
		}
		if status, err = l.Status(l.ctx, staging.Scope{StudyUIDs: []string{"1.2.2"}}); err != nil || status.Studies.Found() != 1 || status.Instances.Expected != 2 {
			t.Errorf("of one study: %+v, %v", status, err)
		}
		l.audit(t)
	})
}

func TestReportHasALineAnItem(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.fill(t)
		lines := map[string]string{}
		for line, err := range l.Report(l.ctx, staging.Scope{}) {
			must(t, err)
			text, _ := json.Marshal(line)
			lines[line.UID] = string(text)
		}
		if len(lines) != 12 {
			t.Errorf("%d lines", len(lines))
		}
		for uid, want := range map[string]string{
			"1.2.1.0": `{"kind":"instance","study_uid":"1.2.1","uid":"1.2.1.0","state":"done","class":"","reason":"","bytes":100,"sha256":"aa"}`,
			"a3":      `{"kind":"attachment","study_uid":"1.2.2","uid":"a3","state":"failed","class":"incomplete","reason":"1.2.2.1 did not come","bytes":0,"sha256":""}`,
			"1.2.3.2": `{"kind":"instance","study_uid":"1.2.3","uid":"1.2.3.2","state":"pending","class":"","reason":"","bytes":0,"sha256":""}`,
		} {
			if lines[uid] != want {
				t.Errorf("the line of %s is %s", uid, lines[uid])
			}
		}
		for range l.Report(l.ctx, staging.Scope{}) {
			break // the connection must come back
		}
	})
}

func TestFailedWithNothingLeftBehindIsAnEmptyList(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		none, err := l.Failed(l.ctx, staging.Scope{})
		must(t, err)
		if text, _ := json.Marshal(none); string(text) != "[]" {
			t.Errorf("nothing failed: %s", text)
		}
		l.stage(t, study(1))
		must(t, l.claim(t, "1.2.1").Fail(l.ctx, staging.Data, "broken"))
		failed, err := l.Failed(l.ctx, staging.Scope{})
		must(t, err)
		text, _ := json.Marshal(failed)
		want := `[{"study_uid":"1.2.1","study_key":"","accession_number":"A1","department":"RAD","class":"data","reason":"broken","attempts":1,"left_behind":[]}]`
		if string(text) != want {
			t.Errorf("failed is %s", text)
		}
	})
}

func TestTheAuditFindsWhatAStrangerBroke(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.fill(t)
		l.audit(t)
		must(t, l.Exec(l.ctx, `INSERT INTO items (study_id, kind, uid) SELECT id, 'instance', 'x' FROM studies WHERE uid = '1.2.1'`))
		must(t, l.Exec(l.ctx, `UPDATE studies SET patient_id = 'P3'`))
		var broken *staging.AuditError
		err := l.Audit(l.ctx)
		if !errors.As(err, &broken) || broken.First != "1.2.1" || broken.Count != 1 {
			t.Errorf("the audit says %v", err)
		}
		if n := len(fmt.Sprint(err)); n < 100 {
			t.Errorf("the audit names one rule only: %v", err)
		}
	})
}

func TestAStudyThatIsNotThere(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		_, _, err := l.Study(l.ctx, "9.9")
		mustBe(t, err, staging.ErrNotFound)
	})
}
