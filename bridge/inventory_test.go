package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// busyDays puts so many small studies on each of the first days of January: one
// every twenty minutes, of several modalities and patients.
func busyDays(x *crossing, days, perDay int) {
	x.t.Helper()
	for d := range days {
		busyDay(x, d+1, perDay)
	}
}

func busyDay(x *crossing, day, studies int) {
	x.t.Helper()
	for i := range studies {
		s := dimsetest.StudyOptions{
			Modality: []string{"CR", "US", "CT"}[i%3], Instances: 1, Rows: 4,
			Date: fmt.Sprintf("202601%02d", day), Time: fmt.Sprintf("%02d%02d00", i/3%24, i%3*20),
			Patient: dimsetest.Patient{ID: fmt.Sprintf("%c%03d", "ABCDEFGHIJ"[i%10], i), Name: "Some^One"},
		}
		check(x.t, x.old.Add(dimsetest.Study(int64(1000*(day-1)+i), s)...))
	}
}

// studiesOf lists the studies that an archive holds.
func studiesOf(a *dimsetest.Archive) []string {
	var uids []string
	for _, o := range a.Instances() {
		if !slices.Contains(uids, o.StudyUID) {
			uids = append(uids, o.StudyUID)
		}
	}
	slices.Sort(uids)
	return uids
}

func (x *crossing) staged() []string {
	x.t.Helper()
	var uids []string
	for s, err := range x.db.Studies(x.t.Context(), staging.Scope{}) {
		check(x.t, err)
		if s.Kind == staging.Images {
			uids = append(uids, s.UID)
		}
	}
	slices.Sort(uids)
	return uids
}

func finds(f dimsetest.FindFaults) func(*crossing) {
	return func(x *crossing) { x.old.SetFaults(dimsetest.Faults{Find: f}) }
}

func TestTheInventoryIsCompleteThoughOldCutsItsAnswersShort(t *testing.T) {
	tests := []struct {
		name         string
		days, perDay int
		arrange      func(*crossing)
		most         int // C-FINDs
	}{
		{"no limit, a round number", 2, 20, finds(dimsetest.FindFaults{}), 12},
		{"silent limit, a round number", 2, 33, finds(dimsetest.FindFaults{Limit: 20}), 60},
		{"silent limit, a number that comes again", 3, 23, finds(dimsetest.FindFaults{Limit: 13}), 60},
		{"A700 after some answers", 2, 33, finds(dimsetest.FindFaults{Limit: 7, LimitStatus: dimse.StatusOutOfResources}), 200},
		{"FE00 after some answers", 2, 33, finds(dimsetest.FindFaults{Limit: 7, LimitStatus: dimse.StatusCancelled}), 200},
		{"more in an hour than the limit", 1, 72, finds(dimsetest.FindFaults{Limit: 2, LimitStatus: dimse.StatusOutOfResources}), 5000},
		{"dates are ignored", 3, 11, finds(dimsetest.FindFaults{IgnoreDates: true}), 100},
		{"dates are ignored and there is a limit", 3, 12, finds(dimsetest.FindFaults{IgnoreDates: true, Limit: 20}), 5000},
		{"answers come twice, padded and empty", 1, 12, finds(dimsetest.FindFaults{Edit: untidy}), 60},
		{"busy at first", 1, 5, finds(dimsetest.FindFaults{Refuse: dimsetest.RefuseFirst(2, dimse.StatusOutOfResources)}), 9},
		{"unable to process at first", 1, 5, finds(dimsetest.FindFaults{Refuse: dimsetest.RefuseFirst(2, 0xC001)}), 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 0)
			busyDays(x, tt.days, tt.perDay)
			tt.arrange(x)
			if _, err := x.stock.Range(t.Context(), january(1), january(31)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(studiesOf(x.old), x.staged()); diff != "" {
				t.Errorf("staged differs from OLD (-old +staged):\n%s", diff)
			}
			if n := x.old.Counts().Finds; n > tt.most+31 {
				t.Errorf("%d queries, want no more than %d and one a day", n, tt.most)
			}
		})
	}
}

// untidy are rows as some archives answer them.
func untidy(rows []*dataset.Dataset) []*dataset.Dataset {
	var all []*dataset.Dataset
	for _, row := range rows {
		padded := dataset.New()
		padded.Elements = slices.Clone(row.Elements)
		if uid, ok := padded.Lookup(dataset.StudyInstanceUID); ok {
			padded.Set(dataset.Element{Tag: uid.Tag, VR: uid.VR, Value: append(slices.Clone(uid.Value), "  \x00\x00"...)})
		}
		all = append(all, row, padded, dataset.New().SetString(dataset.QueryRetrieveLevel, row.String(dataset.QueryRetrieveLevel)))
	}
	return all
}

func TestAnInventoryThatCannotBeCompleteFails(t *testing.T) {
	x := cross(t, 0)
	for i := range 3 { // one patient, one time: nothing cuts them apart
		check(t, x.old.Add(dimsetest.Study(int64(i), dimsetest.StudyOptions{Modality: "CR", Instances: 1, Rows: 4, Date: "20260105",
			Time: "101010", Patient: dimsetest.Patient{ID: "", Name: "No^Number"}})...))
	}
	finds(dimsetest.FindFaults{Limit: 2, LimitStatus: dimse.StatusOutOfResources})(x)
	_, err := x.stock.Range(t.Context(), january(1), january(31))
	var truncated *bridge.TruncatedError
	if !errors.As(err, &truncated) {
		t.Fatalf("the inventory ended with %v, want a TruncatedError", err)
	}
	if n := len(x.staged()); n != 2 {
		t.Errorf("%d studies staged, want the 2 that OLD told", n)
	}
	finds(dimsetest.FindFaults{})(x)
	if _, err := x.stock.Range(t.Context(), january(1), january(31)); err != nil || len(x.staged()) != 3 {
		t.Errorf("the next inventory: %v, %d studies staged", err, len(x.staged()))
	}
}

// TestCuttingComesToItsEnd: patient ID and time are the same, and long, so that each of
// the ways can be gone to its end.
func TestCuttingComesToItsEnd(t *testing.T) {
	x := cross(t, 0)
	for i := range 3 {
		check(t, x.old.Add(dimsetest.Study(int64(i), dimsetest.StudyOptions{Modality: "CR", Instances: 1, Rows: 4, Date: "20260105",
			Time: "101010", Patient: dimsetest.Patient{ID: "ABCDEFGHIJ", Name: "No^Number"}})...))
	}
	finds(dimsetest.FindFaults{Limit: 2, LimitStatus: dimse.StatusOutOfResources})(x)
	_, err := x.stock.Range(t.Context(), january(5), january(5))
	var truncated *bridge.TruncatedError
	if n := x.old.Counts().Finds; !errors.As(err, &truncated) || n > 5000 {
		t.Errorf("after %d queries: %v", n, err)
	}
}

func TestAQueryThatFailsThreeTimesFailsTheInventory(t *testing.T) {
	x := cross(t, 2)
	finds(dimsetest.FindFaults{Refuse: dimsetest.RefuseFirst(always, 0xC001)})(x)
	if _, err := x.stock.Range(t.Context(), january(1), january(1)); err == nil {
		t.Error("the inventory succeeded")
	}
	if n := x.old.Counts().Finds; n != 4 {
		t.Errorf("%d queries, want 3, and one whether it answers any", n)
	}
}

func TestStudiesWithoutADateAreStagedWhereTheyAreAskedFor(t *testing.T) {
	for _, asked := range []bool{false, true} {
		t.Run(fmt.Sprint(asked), func(t *testing.T) {
			x := cross(t, 2)
			undated := dimsetest.Study(50, dimsetest.StudyOptions{Date: dimsetest.NoDate, Instances: 1})
			check(t, x.old.Add(undated...))
			x.stock.Undated = asked
			found, err := x.stock.Range(t.Context(), january(1), january(31))
			check(t, err)
			if asked {
				if diff := cmp.Diff([]string{undated[0].StudyUID}, found.NoDate); diff != "" || found.Undated != 1 {
					t.Errorf("undated (-want +got): %s", diff)
				}
			}
			if staged := slices.Contains(x.staged(), undated[0].StudyUID); staged != asked {
				t.Errorf("the undated study was staged: %v", staged)
			}
		})
	}
}

// shelf is a legacy database in memory.
type shelf struct {
	records     []nondicom.Record
	attachments map[string][]nondicom.Attachment
}

func (s *shelf) Records(_ context.Context, from, to time.Time, after string, limit int) ([]nondicom.Record, error) {
	var page []nondicom.Record
	for _, r := range s.records {
		day, err := time.Parse("2006-01-02", r.StudyDate)
		if err == nil && !day.Before(from) && day.Before(to) && r.StudyKey > after && len(page) < limit {
			page = append(page, r)
		}
	}
	return page, nil
}

func (s *shelf) Attachments(_ context.Context, r nondicom.Record) ([]nondicom.Attachment, error) {
	return s.attachments[r.StudyKey], nil
}

// recordsFor is a legacy row for each study of OLD.
func recordsFor(x *crossing) *shelf {
	s := &shelf{attachments: map[string][]nondicom.Attachment{}}
	for study, err := range x.migrator.Old.(*bridge.Peer).Studies(x.t.Context(), bridge.StudyQuery{}) {
		check(x.t, err)
		date := study.Date
		if date == "" {
			date = "2026-01-09"
		}
		s.records = append(s.records, nondicom.Record{StudyKey: fmt.Sprintf("K%04d", len(s.records)), StudyDate: date, StudyUID: study.UID,
			AccessionNumber: study.AccessionNumber, PatientID: study.PatientID, PatientName: "Doe^Jo", ReportText: "nothing found"})
	}
	return s
}

func TestTheLegacyDatabaseTellsThatOldCutsItsAnswersShort(t *testing.T) {
	x := cross(t, 0)
	busyDays(x, 1, 7)
	legacy := recordsFor(x)
	legacy.records = legacy.records[6:] // one row, of a study beyond the limit
	x.stock.Legacy = legacy
	finds(dimsetest.FindFaults{Limit: 3})(x) // no suspicious number
	_, err := x.stock.Range(t.Context(), january(1), january(31))
	check(t, err)
	if diff := cmp.Diff(studiesOf(x.old), x.staged()); diff != "" {
		t.Errorf("staged differs from OLD (-old +staged):\n%s", diff)
	}
}

func TestOldIsNotAskedAgainForWhatItHasListed(t *testing.T) {
	x := cross(t, 6)
	x.stock.Legacy = recordsFor(x)
	before := x.old.Counts().Finds
	_, err := x.stock.Range(t.Context(), january(1), january(31))
	check(t, err)
	if n := x.old.Counts().Finds - before; n != 31 {
		t.Errorf("%d queries, want one a day", n)
	}
	if !strings.Contains(fmt.Sprint(x.staged()), x.stock.Legacy.(*shelf).records[0].StudyUID) {
		t.Error("a study with a record was not staged")
	}
}

func TestAWholeFinderYieldsEachStudyOnce(t *testing.T) {
	x := cross(t, 0)
	busyDays(x, 2, 15)
	finds(dimsetest.FindFaults{Limit: 10, Edit: untidy})(x)
	finder := bridge.NewWholeFinder(x.migrator.Old.(*bridge.Peer), time.Millisecond, nil)
	var got []string
	for _, w := range bridge.Windows(january(1), january(3), 24*time.Hour) {
		for s, err := range finder.Studies(t.Context(), bridge.StudyQuery{Window: w}) {
			check(t, err)
			got = append(got, s.UID)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(studiesOf(x.old), got); diff != "" {
		t.Errorf("found differs from OLD (-old +found):\n%s", diff)
	}
	for range finder.Studies(t.Context(), bridge.StudyQuery{Window: bridge.Windows(january(1), january(1), 24*time.Hour)[0]}) {
		break // and nothing hangs
	}
}
