package bridge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
)

// TestWhatNewHasStoredStaysWhenOldSendsAnotherContent: an instance was stored before its
// study failed, and OLD sends another data set of its UID at the next attempt. The ledger
// tells of what NEW has, and the second is put aside.
func TestWhatNewHasStoredStaysWhenOldSendsAnotherContent(t *testing.T) {
	x := cross(t, 0)
	objects := dimsetest.Study(7, dimsetest.StudyOptions{Date: "20260107", Instances: 3, Rows: 4})
	check(t, x.old.Add(objects...))
	first, refused := objects[0].SOPInstance, objects[1].SOPInstance
	x.new.SetFaults(dimsetest.Faults{Store: dimsetest.StoreFaults{Status: func(sopInstance string, _ int) dimse.Status {
		if sopInstance == refused {
			return dimse.StatusIdentifierMismatch // A900H, of C-STORE too
		}
		return dimse.StatusSuccess
	}}})
	check(t, x.run())
	if s := x.status().Studies; s.Failed != 1 {
		t.Fatalf("%+v", s)
	}
	x.new.SetFaults(dimsetest.Faults{})
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Alter: dimsetest.Only(first)}})
	check(t, x.run())
	x.wantAtNew(objects...)
	it := x.item(objects[0].StudyUID, first)
	if it.SHA256 != digest(objects[0]) || !strings.Contains(it.Warning, "another data set of this UID") {
		t.Errorf("the ledger says %s, %q; NEW has %s", it.SHA256, it.Warning, digest(objects[0]))
	}
	index := string(must(os.ReadFile(filepath.Join(x.inbox.Quarantine.Dir, "index.jsonl")))(t))
	if !strings.Contains(index, first) || strings.Contains(index, refused) {
		t.Errorf("in quarantine is\n%s", index)
	}
}
