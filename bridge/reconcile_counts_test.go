package bridge_test

import (
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// onlyCounts refuses all queries below the level of studies.
var onlyCounts = dimsetest.Faults{Find: refuseQueries(func(level string, _ bool) bool { return level != "STUDY" })}

func TestStudiesThatAPACSOnlyCountsAreComparedByCount(t *testing.T) {
	t.Parallel()
	x := cross(t, 4)
	check(t, x.run())
	compare := func(name string, byCount, complete int, kinds ...bridge.DifferenceKind) {
		t.Helper()
		result := must(x.reconciler(nil).Range(t.Context(), staging.Scope{}, bridge.Windows(january(1), january(31), 24*time.Hour)))(t)
		if len(result.ByCount) != byCount || result.Complete != complete || len(result.Differences) != len(kinds) {
			t.Errorf("%s: by count %d, complete %d, differences %v; want %d, %d, %v", name, len(result.ByCount), result.Complete, result.Differences, byCount, complete, kinds)
			return
		}
		for i, d := range result.Differences {
			if d.Kind != kinds[i] {
				t.Errorf("%s: a difference is %+v, want %s", name, d, kinds[i])
			}
		}
	}
	compare("all is well", 0, 4)
	x.old.SetFaults(onlyCounts)
	compare("OLD only counts", 4, 4)
	check(t, x.old.Add(dimsetest.Study(600, dimsetest.StudyOptions{Date: "20260109", Instances: 2})...))
	compare("OLD only counts, and holds a study more", 5, 4, bridge.NotReceived)
	x.old.SetFaults(dimsetest.Faults{})
	x.new.SetFaults(onlyCounts)
	x.new.Remove(x.oneOfSeveral())
	compare("NEW only counts, and lacks an instance and a study", 4, 3, bridge.MissingAtNew, bridge.NotReceived, bridge.NotReceived)
}

// oneOfSeveral is an instance at NEW that is not the only one of its study.
func (x *crossing) oneOfSeveral() string {
	x.t.Helper()
	all := x.new.Instances()
	for i, o := range all {
		for _, other := range all[i+1:] {
			if o.StudyUID == other.StudyUID {
				return o.SOPInstance
			}
		}
	}
	x.t.Fatal("all studies have one instance")
	return ""
}
