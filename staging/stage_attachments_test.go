package staging_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

// numbered is what the old system calls a file, in the payload of its attachment.
type numbered struct{ Record, Key, At string }

func (n numbered) payload() []byte {
	body, _ := json.Marshal(n) // texts alone
	return body
}

func sameNumbered(held, staged []byte) bool {
	var a, b numbered
	return json.Unmarshal(held, &a) == nil && json.Unmarshal(staged, &b) == nil && a.Record == b.Record && a.Key == b.Key
}

// filed is a record of study 1 with files in a folder.
func filed(key, folder string, files ...string) staging.StagedRecord {
	r := record(staging.Study{UID: "1.2.1", Key: key, RangeDate: "2026-01-02", ListedInstances: -1}, key, files...)
	for i, file := range files {
		r.Attachments[i].Payload = numbered{key, file, folder}.payload()
	}
	r.SameFile = sameNumbered
	return r
}

// wantFiles demands the attachments of study 1, by their keys in the ledger.
func (l *ledger) wantFiles(t *testing.T, want map[string]numbered) {
	t.Helper()
	got := map[string]numbered{}
	_, items := l.study(t, "1.2.1")
	for _, it := range items {
		if it.Kind == staging.Attachment {
			var n numbered
			must(t, json.Unmarshal(it.Payload, &n))
			got[it.UID] = n
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attachments (-want +got):\n%s", diff)
	}
}

// restage stages records and tells how many migrated studies go again.
func (l *ledger) restage(t *testing.T, records ...staging.StagedRecord) (reopened int) {
	t.Helper()
	staged, err := l.StageRecords(l.ctx, records)
	must(t, err)
	return staged.Reopened
}

func TestFilesOfTwoRecordsWithOneKeyAreTwo(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		one, two := filed("77", "old", "1", "2"), filed("78", "old", "1", "78/1")
		want := map[string]numbered{"1": {"77", "1", "old"}, "2": {"77", "2", "old"}, "78/1": {"78", "1", "old"}, "78/78/1": {"78", "78/1", "old"}}
		l.restage(t, one, two)
		l.wantFiles(t, want)
		l.restage(t, two)
		l.restage(t, two, one)
		l.wantFiles(t, want)

		l.restage(t, filed("78", "new", "1"), one) // it has moved
		want["78/1"] = numbered{"78", "1", "new"}
		l.wantFiles(t, want)

		must(t, l.migrate(l.claim(t, "1.2.1"), nil))
		if n := l.restage(t, two, one, filed("78", "newer", "1")); n != 0 {
			t.Error("a migrated study goes again, though nothing is new")
		}
		l.wantFiles(t, want)

		if n := l.restage(t, filed("79", "old", "1")); n != 1 {
			t.Error("a third record's file was not noticed")
		}
		want["79/1"] = numbered{"79", "1", "old"}
		l.wantFiles(t, want)
		must(t, l.migrate(l.claim(t, "1.2.1"), nil))
		l.audit(t)
	})
}

// TestTheLostFileOfAnOlderLedgerIsFound begins with what versions before this one left:
// a migrated study of which the second record took the place of the first one's file.
func TestTheLostFileOfAnOlderLedgerIsFound(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		one, two := filed("77", "old", "1"), filed("78", "old", "1")
		for _, r := range []staging.StagedRecord{one, two} {
			r.SameFile = nil
			l.restage(t, r)
		}
		must(t, l.migrate(l.claim(t, "1.2.1"), nil))
		l.wantFiles(t, map[string]numbered{"1": {"78", "1", "old"}})

		want := map[string]numbered{"1": {"78", "1", "old"}, "77/1": {"77", "1", "old"}}
		if n := l.restage(t, one, two); n != 1 {
			t.Error("the file was not noticed")
		}
		l.wantFiles(t, want)
		must(t, l.migrate(l.claim(t, "1.2.1"), nil))
		if n := l.restage(t, one, two); n != 0 {
			t.Error("the study goes again, though nothing is new")
		}
		l.wantFiles(t, want)
		l.audit(t)
	})
}
