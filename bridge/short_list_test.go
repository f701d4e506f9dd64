package bridge_test

import (
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// without takes attributes out of the answers to queries.
func without(tags ...dataset.Tag) func([]*dataset.Dataset) []*dataset.Dataset {
	return func(rows []*dataset.Dataset) []*dataset.Dataset {
		for _, row := range rows {
			for _, tag := range tags {
				row.Delete(tag)
			}
		}
		return rows
	}
}

// TestAListThatIsShortMakesNoMigratedStudy: an OLD that lists fewer instances than it
// has, tells little of how many those are, and does not send them all.
func TestAListThatIsShortMakesNoMigratedStudy(t *testing.T) {
	objects := dimsetest.Study(7, dimsetest.StudyOptions{Date: "20260107", Instances: 8, Rows: 4})
	lost := objects[6].SOPInstance
	countedByStudy := func(query *dataset.Dataset) bool {
		return query.String(dataset.QueryRetrieveLevel) == "STUDY" && query.Has(dataset.NumberOfStudyRelatedInstances) && query.String(dataset.StudyInstanceUID) != ""
	}
	for _, tt := range []struct {
		name     string
		faults   dimsetest.Faults
		migrated bool // in the end
	}{
		{"it counts series alone, and its C-MOVE is cut", dimsetest.Faults{
			Find: dimsetest.FindFaults{Limit: 2, Edit: without(dataset.NumberOfStudyRelatedInstances)},
			Move: dimsetest.MoveFaults{AbortAfter: 4, AbortMoves: 1},
		}, true},
		{"it counts series alone, and one instance never comes", dimsetest.Faults{
			Find: dimsetest.FindFaults{Limit: 2, Edit: without(dataset.NumberOfStudyRelatedInstances)},
			Move: dimsetest.MoveFaults{AbortAfter: 4, AbortMoves: 1, Fail: dimsetest.Only(lost)},
		}, false},
		{"it says that its list is short and counts nothing", dimsetest.Faults{
			Find: uncounted(dimsetest.FindFaults{Limit: 2, LimitStatus: dimse.StatusOutOfResources}),
			Move: dimsetest.MoveFaults{Fail: dimsetest.Only(lost)},
		}, false},
		{"it says so, and sends the instance later", dimsetest.Faults{
			Find: uncounted(dimsetest.FindFaults{Limit: 2, LimitStatus: dimse.StatusOutOfResources}),
			Move: dimsetest.MoveFaults{Fail: dimsetest.First(1, dimsetest.Only(lost))},
		}, true},
		{"it counts in the inventory and cannot when it is asked again", dimsetest.Faults{
			Find: dimsetest.FindFaults{
				RefuseQuery: func(query *dataset.Dataset) dimse.Status {
					if countedByStudy(query) {
						return dimse.StatusCannotUnderstand
					}
					return dimse.StatusSuccess
				},
				Edit: func(rows []*dataset.Dataset) (kept []*dataset.Dataset) {
					for _, row := range without(dataset.NumberOfSeriesRelatedInstances)(rows) {
						if row.String(dataset.SOPInstanceUID) != lost {
							kept = append(kept, row)
						}
					}
					return kept
				}},
			Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(lost), Success: true},
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 0)
			check(t, x.old.Add(objects...))
			x.old.SetFaults(tt.faults)
			check(t, x.run())
			migrated := x.status().Studies.Migrated == 1
			if n := len(x.new.Digests()); migrated && n < len(objects) {
				t.Fatalf("migrated with %d of %d instances at NEW", n, len(objects))
			}
			if migrated != tt.migrated {
				t.Errorf("migrated: %v, want %v", migrated, tt.migrated)
			}
		})
	}
}
