package bridge_test

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// ofAllSeries applies a change to answers that hold instances of several series, as
// only those to a query for all of a study do.
func ofAllSeries(change func(rows []*dataset.Dataset) []*dataset.Dataset) dimsetest.FindFaults {
	return dimsetest.FindFaults{Edit: func(rows []*dataset.Dataset) []*dataset.Dataset {
		images := len(rows) > 0 && rows[0].Has(dataset.SOPInstanceUID)
		if !images || rows[0].String(dataset.SeriesInstanceUID) == rows[len(rows)-1].String(dataset.SeriesInstanceUID) {
			return rows
		}
		return change(rows)
	}}
}

// uncounted takes the number of instances out of answers, at all levels.
func uncounted(faults dimsetest.FindFaults) dimsetest.FindFaults {
	edit := faults.Edit
	faults.Edit = func(rows []*dataset.Dataset) []*dataset.Dataset {
		for _, row := range rows {
			row.SetString(dataset.NumberOfStudyRelatedInstances)
			row.SetString(dataset.NumberOfSeriesRelatedInstances)
		}
		if edit != nil {
			return edit(rows)
		}
		return rows
	}
	return faults
}

// cutTo keeps the first n answers.
func cutTo(n int) func([]*dataset.Dataset) []*dataset.Dataset {
	return func(rows []*dataset.Dataset) []*dataset.Dataset { return rows[:min(n, len(rows))] }
}

// crowd adds instances of another study.
func crowd(rows []*dataset.Dataset) []*dataset.Dataset {
	others := make([]*dataset.Dataset, 0, 300+len(rows))
	for i := range 300 {
		others = append(others, dataset.New().SetString(dataset.StudyInstanceUID, "1.2.3").
			SetString(dataset.SeriesInstanceUID, "1.2.3.4").SetString(dataset.SOPInstanceUID, fmt.Sprintf("1.2.3.4.%d", i)))
	}
	return append(others, rows...)
}

func TestAStudyIsListedWholeInTheFewestQueries(t *testing.T) {
	const series, instances = 3, 21
	for name, test := range map[string]struct {
		strict  bool // refuses relational queries
		faults  dimsetest.FindFaults
		counted int
		finds   [2]int // of the first list and of the second
	}{
		"counted":                            {counted: instances, finds: [2]int{1, 1}},
		"series are counted":                 {counted: -1, finds: [2]int{2, 2}},
		"nobody counts":                      {counted: -1, faults: uncounted(dimsetest.FindFaults{}), finds: [2]int{1 + series, 1 + series}},
		"grown":                              {counted: instances - 1, finds: [2]int{2, 2}},
		"cut short silently":                 {counted: instances, faults: ofAllSeries(cutTo(9)), finds: [2]int{2 + series, 2 + series}},
		"cut short silently, series counted": {counted: -1, faults: ofAllSeries(cutTo(9)), finds: [2]int{2 + series, 2 + series}},
		"cut short in the last series":       {counted: -1, faults: ofAllSeries(cutTo(instances - 1)), finds: [2]int{3, 3}},
		"cut short, and nobody counts":       {counted: -1, faults: uncounted(ofAllSeries(cutTo(13))), finds: [2]int{1 + series, 1 + series}},
		"only of series":                     {strict: true, counted: instances, finds: [2]int{2 + series, 1 + series}},
		"only of series, which are counted":  {strict: true, counted: -1, finds: [2]int{2 + series, 1 + series}},
		"answered with other studies":        {counted: instances, faults: ofAllSeries(crowd), finds: [2]int{2 + series, 1 + series}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := archive(t, "OLDPACS", dimse.Timeouts{})
			old.Relational = !test.strict
			objects := dimsetest.Study(7, dimsetest.StudyOptions{Series: series, Instances: instances})
			check(t, old.Add(objects...))
			old.SetFaults(dimsetest.Faults{Find: test.faults})
			p := peer("old", old, slog.New(slog.NewTextHandler(io.Discard, nil)))
			t.Cleanup(func() { closePeer(t, p) })
			for _, finds := range test.finds {
				before := old.Counts().Finds
				listed := must(p.InstancesOf(t.Context(), objects[0].StudyUID, test.counted))(t)
				wantListed(t, listed, objects)
				if asked := old.Counts().Finds - before; asked != finds {
					t.Errorf("%d queries, want %d", asked, finds)
				}
			}
		})
	}
}

func wantListed(t *testing.T, listed []bridge.Listed, objects []dimsetest.Object) {
	t.Helper()
	for _, o := range objects {
		at := slices.IndexFunc(listed, func(l bridge.Listed) bool { return l.UID == o.SOPInstance })
		if at < 0 {
			t.Errorf("%s of series %s is not listed", o.SOPInstance, o.SeriesUID)
		} else if listed[at].SeriesUID != o.SeriesUID {
			t.Errorf("%s is listed in series %s, not %s", o.SOPInstance, listed[at].SeriesUID, o.SeriesUID)
		}
	}
	if len(listed) != len(objects) {
		t.Errorf("%d are listed of %d", len(listed), len(objects))
	}
}
