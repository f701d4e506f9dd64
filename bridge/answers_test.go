package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// What the answers say beside the query model.
const (
	statusID      dataset.Tag = 0x0032000A
	creator       dataset.Tag = 0x00210010
	expectedTag   dataset.Tag = 0x00211001
	foundTag      dataset.Tag = 0x00211004
	seriesFoundAt dataset.Tag = 0x00211006
	digestTag     dataset.Tag = 0x00211009
)

// ask queries our own SCP. most breaks the query off after so many answers.
func (x *crossing) ask(keys *dataset.Dataset, most int) ([]*dataset.Dataset, error) {
	x.t.Helper()
	dialer := dimse.Dialer{Address: x.address, CallingAE: "ADMIN", CalledAE: ourAE}
	a := must(dialer.Dial(x.t.Context(), []dimse.Proposal{{SOPClass: uid.StudyRootFind, TransferSyntaxes: []string{uid.ExplicitLE}},
		{SOPClass: uid.Verification, TransferSyntaxes: []string{uid.ExplicitLE}}}))(x.t)
	defer a.Release(x.t.Context())
	var rows []*dataset.Dataset
	for row, err := range a.Find(x.t.Context(), dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: keys}) {
		if err != nil {
			return rows, err
		}
		if rows = append(rows, row); len(rows) == most {
			break
		}
	}
	return rows, a.Echo(x.t.Context()) // the association bears another operation
}

func keysOf(level string, values ...any) *dataset.Dataset {
	d := dataset.New().SetString(dataset.QueryRetrieveLevel, level)
	for i := 0; i < len(values); i += 2 {
		d.SetString(values[i].(dataset.Tag), values[i+1].(string))
	}
	return d
}

// migratedInPart is a crossing of five studies of which one has failed and one waits.
func migratedInPart(t *testing.T) *crossing {
	x := cross(t, 4)
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(victim(x)), Success: true}})
	check(t, x.run())
	must(x.db.StageStudies(t.Context(), 0, []staging.Study{{UID: "1.2.3.waiting", Kind: staging.Images, PatientID: "WAITING", Date: "2026-01-30", ListedInstances: 7}}))(t)
	return x
}

func TestTheBridgeAnswersWhatWasMigrated(t *testing.T) {
	t.Parallel()
	x := migratedInPart(t)
	states := map[string]string{}
	for _, row := range must(x.ask(keysOf("STUDY", statusID, "", expectedTag, "", foundTag, "", seriesFoundAt, "", dataset.NumberOfStudyRelatedSeries, "", dataset.PatientName, ""), 0))(t) {
		studyUID := row.String(dataset.StudyInstanceUID)
		states[studyUID] = row.String(statusID) + " " + row.String(dataset.InstanceAvailability) + " " + row.String(dataset.RetrieveAETitle)
		if row.String(creator) != "PACSBRIDGE" || !row.Has(dataset.PatientName) || row.String(dataset.PatientName) != "" {
			t.Errorf("study %s: creator %q, name %q", studyUID, row.String(creator), row.String(dataset.PatientName))
		}
		expected, series := 0, map[string]bool{}
		for _, o := range x.old.Instances() {
			if o.StudyUID == studyUID {
				expected++
				series[o.SeriesUID] = true
			}
		}
		want, wantSeries := [2]int{expected, expected}, len(series)
		switch studyUID {
		case x.victim().StudyUID:
			want[1], wantSeries = 0, 0
		case "1.2.3.waiting":
			want, wantSeries = [2]int{7, 0}, 0
		}
		got := [2]int{number(row, expectedTag), number(row, foundTag)}
		if got != want || number(row, seriesFoundAt) != wantSeries {
			t.Errorf("study %s: instances expected and found %v, want %v; series found %d, want %d", studyUID, got, want, number(row, seriesFoundAt), wantSeries)
		}
	}
	want := map[string]string{"1.2.3.waiting": "TO_MIGRATE OFFLINE OLDPACS"}
	for _, s := range studiesOf(x.old) {
		want[s] = "MIGRATED ONLINE NEWPACS"
	}
	want[x.victim().StudyUID] = "FAILED UNAVAILABLE OLDPACS"
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func number(row *dataset.Dataset, tag dataset.Tag) int {
	n, _ := row.Int(tag)
	return n
}

func TestAnswersMatchTheKeys(t *testing.T) {
	t.Parallel()
	x := migratedInPart(t)
	var whole staging.Study
	for s, err := range x.db.Studies(t.Context(), staging.Scope{}) {
		check(t, err)
		if s.State == staging.Migrated {
			whole = s
		}
	}
	day := fmt.Sprintf("%s%s%s", whole.Date[:4], whole.Date[5:7], whole.Date[8:])
	for name, test := range map[string]struct {
		keys *dataset.Dataset
		want int // studies; -1: at least one, and not all
	}{
		"all":                   {keysOf("STUDY"), 5},
		"one study":             {keysOf("STUDY", dataset.StudyInstanceUID, whole.UID), 1},
		"two studies":           {keysOf("STUDY").SetString(dataset.StudyInstanceUID, whole.UID, "1.2.3.waiting"), 2},
		"by state":              {keysOf("STUDY", statusID, "FAILED"), 1},
		"by day":                {keysOf("STUDY", dataset.StudyDate, day, dataset.StudyInstanceUID, whole.UID), 1},
		"by range":              {keysOf("STUDY", dataset.StudyDate, "20260130-"), -1},
		"by a range before":     {keysOf("STUDY", dataset.StudyDate, "-20251231"), 0},
		"by patient":            {keysOf("STUDY", dataset.PatientID, "WAITING"), 1},
		"by pattern":            {keysOf("STUDY", dataset.PatientID, "WAIT*"), 1},
		"by accession":          {keysOf("STUDY", dataset.AccessionNumber, whole.AccessionNumber, dataset.StudyInstanceUID, whole.UID), 1},
		"by what is not kept":   {keysOf("STUDY", dataset.PatientName, "NOBODY"), 5},
		"with a malformed date": {keysOf("STUDY", dataset.StudyDate, "yesterday"), 0},
	} {
		rows, err := x.ask(test.keys, 0)
		if err != nil || test.want >= 0 && len(rows) != test.want || test.want < 0 && (len(rows) == 0 || len(rows) == 5) {
			t.Errorf("%s: %d studies, %v; want %d", name, len(rows), err, test.want)
		}
	}
}

func TestSeriesAndImagesAreAnsweredToo(t *testing.T) {
	t.Parallel()
	x := migratedInPart(t)
	digests := x.old.Digests()
	instances := 0
	for _, study := range studiesOf(x.old) {
		for _, series := range must(x.ask(keysOf("SERIES", dataset.StudyInstanceUID, study, dataset.NumberOfSeriesRelatedInstances, ""), 0))(t) {
			images := must(x.ask(keysOf("IMAGE", dataset.StudyInstanceUID, study, dataset.SeriesInstanceUID, series.String(dataset.SeriesInstanceUID), creator, ""), 0))(t)
			if n := number(series, dataset.NumberOfSeriesRelatedInstances); n != len(images) {
				t.Errorf("series %s tells %d instances and lists %d", series.String(dataset.SeriesInstanceUID), n, len(images))
			}
			for _, image := range images {
				instances++
				there := image.String(dataset.InstanceAvailability) == "ONLINE"
				if there != (study != x.victim().StudyUID) || there && image.String(digestTag) != digests[image.String(dataset.SOPInstanceUID)] {
					t.Errorf("image %s: %s", image.String(dataset.SOPInstanceUID), image.String(dataset.InstanceAvailability))
				}
			}
		}
	}
	if instances != len(digests) {
		t.Errorf("%d instances, OLD holds %d", instances, len(digests))
	}
}

func TestQueriesThatAreNotAnswered(t *testing.T) {
	t.Parallel()
	x := migratedInPart(t)
	for name, keys := range map[string]*dataset.Dataset{
		"no level":            dataset.New().SetString(dataset.StudyInstanceUID, "1.2"),
		"patients":            keysOf("PATIENT"),
		"series of all":       keysOf("SERIES"),
		"images of a pattern": keysOf("IMAGE", dataset.StudyInstanceUID, "1.2.*"),
	} {
		var status *dimse.StatusError
		if rows, err := x.ask(keys, 0); len(rows) != 0 || !errors.As(err, &status) || status.Status != dimse.StatusIdentifierMismatch {
			t.Errorf("%s: %d answers, %v, want A900", name, len(rows), err)
		}
	}
}

func TestLongAnswersAreReadPageByPageAndCanBeBrokenOff(t *testing.T) {
	t.Parallel()
	x := cross(t, 0)
	var many []staging.Study
	for i := range 1000 {
		many = append(many, staging.Study{UID: fmt.Sprintf("1.2.%d", i), Kind: staging.Images, Date: "2026-01-01", ListedInstances: 1})
	}
	for some := range slices.Chunk(many, 100) {
		must(x.db.StageStudies(t.Context(), 0, some))(t)
	}
	if rows, err := x.ask(keysOf("STUDY"), 0); err != nil || len(rows) != 1000 {
		t.Errorf("%d answers, %v", len(rows), err)
	}
	begun := time.Now()
	if rows, err := x.ask(keysOf("STUDY"), 3); err != nil || len(rows) != 3 {
		t.Errorf("%d answers, %v", len(rows), err)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("a query that was cancelled took %v", took)
	}
	x.answers.Most = 500
	var status *dimse.StatusError
	if rows, err := x.ask(keysOf("STUDY"), 0); len(rows) != 500 || !errors.As(err, &status) || status.Status != dimse.StatusOutOfResources {
		t.Errorf("beyond the limit: %d answers, %v, want A700 after 500", len(rows), err)
	}
}
