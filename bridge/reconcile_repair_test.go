package bridge_test

import (
	"slices"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

func TestARepairSendsWhatIsMissingAndNothingElse(t *testing.T) {
	x := cross(t, 4)
	check(t, x.run())
	held := x.new.Instances()
	x.new.Remove(held[0].SOPInstance)
	x.swap(held[len(held)-1], func(o dimsetest.Object) dimsetest.Object { return patched(t, o, set(dataset.PatientID, "X")) })
	late := dimsetest.Study(999, dimsetest.StudyOptions{Instances: 2, Date: "20260115"})
	check(t, x.old.Add(late...))

	r := x.reconciler(x.byGet())
	result := x.verified(r)
	check(t, r.Repair(t.Context(), x.db, &result))
	want := []string{held[0].StudyUID, late[0].StudyUID}
	slices.Sort(want)
	slices.Sort(result.Repaired)
	if !slices.Equal(result.Repaired, want) {
		t.Errorf("repaired %v, want %v", result.Repaired, want)
	}
	before := x.new.Counts().Stores
	check(t, x.workOff(t.Context()))
	if sent := x.new.Counts().Stores - before; sent != 3 {
		t.Errorf("%d instances were sent, want 3", sent)
	}
	result = x.verified(x.reconciler(x.byGet()))
	if len(result.Differences) != 1 || result.Differences[0].Kind != bridge.ContentDiffers {
		t.Errorf("after the repair: %v, want the changed content alone", result.Differences)
	}
}

func TestAFailedStudyIsRepairedToo(t *testing.T) {
	x := cross(t, 1)
	x.migrator.Attempts = 1
	victim := x.old.Instances()[0].SOPInstance
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(victim), Success: true}})
	check(t, x.run())
	x.wantFailed(staging.Incomplete, victim)
	x.old.SetFaults(dimsetest.Faults{})
	r := x.reconciler(nil)
	result := must(r.Range(t.Context(), staging.Scope{}, bridge.Windows(january(1), january(31), 24*time.Hour)))(t)
	check(t, r.Repair(t.Context(), x.db, &result))
	if s := x.status(); len(result.Repaired) != 1 || s.Studies.ToMigrate != 1 {
		t.Errorf("repaired %v, %+v", result.Repaired, s.Studies)
	}
}
