package bridge_test

import (
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
	"pacsbridge/staging"
)

// damage is what C-FIND does at an archive that has lost a file of a study: Cxxx, as
// soon as it has to look into that file to answer.
type damage struct {
	study dimsetest.StudyOptions
	uid   string
	keys  []dataset.Tag // whatever is asked where empty
	deaf  bool          // it matches by nothing but dates
}

const unableToProcess dimse.Status = 0xC000 // as Orthanc answers

func (d damage) refuse(identifier *dataset.Dataset) dimse.Status {
	asks := len(d.keys) == 0 || slices.ContainsFunc(d.keys, func(key dataset.Tag) bool {
		_, asked := identifier.Lookup(key)
		return asked
	})
	keys := dataset.New().SetString(dataset.StudyInstanceUID, identifier.Strings(dataset.StudyInstanceUID)...).
		SetString(dataset.StudyDate, identifier.String(dataset.StudyDate))
	if !d.deaf {
		keys.SetString(dataset.StudyTime, identifier.String(dataset.StudyTime)).
			SetString(dataset.ModalitiesInStudy, identifier.String(dataset.ModalitiesInStudy))
	}
	study := dataset.New().SetString(dataset.StudyInstanceUID, d.uid).SetString(dataset.StudyDate, d.study.Date).
		SetString(dataset.StudyTime, d.study.Time).SetString(dataset.ModalitiesInStudy, d.study.Modality)
	if identifier.String(dataset.QueryRetrieveLevel) == "STUDY" && asks && dataset.Match(keys, study) {
		return unableToProcess
	}
	return dimse.StatusSuccess
}

// damaged adds a study to OLD and makes it one that C-FIND stumbles over.
func damaged(x *crossing, d damage) string {
	x.t.Helper()
	d.study.Instances, d.study.Rows = 1, 4
	objects := dimsetest.Study(777, d.study)
	check(x.t, x.old.Add(objects...))
	d.uid = objects[0].StudyUID
	finds(dimsetest.FindFaults{RefuseQuery: d.refuse})(x)
	return d.uid
}

var onTheFifth = dimsetest.StudyOptions{Modality: "MR", Date: "20260105", Time: "101112"}

func TestAStudyThatOldCannotDescribeIsFoundByItsUniqueAndRequiredKeys(t *testing.T) {
	tests := []struct {
		name    string
		keys    []dataset.Tag
		counted bool // the instances of the damaged one
	}{
		{"issuers are in the files", []dataset.Tag{dataset.IssuerOfPatientID}, true},
		{"all that is optional is in the files", []dataset.Tag{dataset.IssuerOfPatientID, dataset.ModalitiesInStudy, dataset.NumberOfStudyRelatedInstances}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 0)
			busyDays(x, 6, 4)
			victim := damaged(x, damage{study: onTheFifth, keys: tt.keys})
			check(t, ignoreFound(x.stock.Range(t.Context(), january(1), january(31))))
			if diff := cmp.Diff(studiesOf(x.old), x.staged()); diff != "" {
				t.Errorf("staged differs from OLD (-old +staged):\n%s", diff)
			}
			for s, err := range x.db.Studies(t.Context(), staging.Scope{}) {
				check(t, err)
				if known := s.ListedInstances == 1; known != (tt.counted || s.UID != victim) {
					t.Errorf("study %s counts %d instances", s.UID, s.ListedInstances)
				}
			}
			if n := x.old.Counts().Finds; n > 60 {
				t.Errorf("%d queries, want one a day, and a few for the day in question and its studies", n)
			}
			uids, _, err := x.stock.Named(t.Context(), bridge.StudyQuery{StudyUID: victim})
			if err != nil || !slices.Equal(uids, []string{victim}) {
				t.Errorf("asked by its UID: %v, %v", uids, err)
			}
		})
	}
}

func ignoreFound(_ bridge.Found, err error) error { return err }

func TestAnArchiveThatNeverAnswersAnOptionalKeyIsNotAskedForItForEver(t *testing.T) {
	x := cross(t, 0)
	busyDays(x, 20, 4)
	finds(dimsetest.FindFaults{RefuseQuery: func(identifier *dataset.Dataset) dimse.Status {
		if _, asked := identifier.Lookup(dataset.IssuerOfPatientID); asked {
			return unableToProcess
		}
		return dimse.StatusSuccess
	}})(x)
	check(t, ignoreFound(x.stock.Range(t.Context(), january(1), january(31))))
	if diff := cmp.Diff(studiesOf(x.old), x.staged()); diff != "" {
		t.Errorf("staged differs from OLD (-old +staged):\n%s", diff)
	}
	if n := x.old.Counts().Finds; n > 31+15 {
		t.Errorf("%d queries, want one a day when the habit is known", n)
	}
}

func TestWhatOldCannotAnswerAtAllIsNamedAndTheRestIsInventoried(t *testing.T) {
	tests := []struct {
		name   string
		damage damage
		names  string // the piece
		most   int    // C-FINDs besides one a day
		lost   bool   // others of its day
	}{
		{"cut down to the second and the modality", damage{study: onTheFifth}, "2026-01-05 101112-101112, modality MR", 300, false},
		{"no hour holds it", damage{study: dimsetest.StudyOptions{Modality: "MR", Date: "20260105", Time: " "}}, "2026-01-05..2026-01-05, modality MR", 300, false},
		{"times and modalities are ignored", damage{study: onTheFifth, deaf: true}, "2026-01-05", 1000, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 0)
			busyDays(x, 6, 4)
			victim := damaged(x, tt.damage)
			_, err := x.stock.Range(t.Context(), january(1), january(31))
			var unable *bridge.UnableError
			if !errors.As(err, &unable) || !strings.Contains(err.Error(), tt.names) || unable.Temporary() {
				t.Fatalf("the inventory ended with %v, want an UnableError that names %s", err, tt.names)
			}
			if n, pieces := x.old.Counts().Finds, strings.Count(err.Error(), "unable to answer"); n > 31+tt.most || pieces != 1 {
				t.Errorf("%d queries, %d pieces: %v", n, pieces, err)
			}
			want := slices.DeleteFunc(studiesOf(x.old), func(uid string) bool { return uid == victim })
			if got := x.staged(); !tt.lost && !slices.Equal(want, got) || tt.lost && len(got) != len(want)-4 {
				t.Errorf("%d studies staged of %d", len(got), len(want))
			}
			finds(dimsetest.FindFaults{})(x)
			check(t, ignoreFound(x.stock.Range(t.Context(), january(1), january(31))))
			if diff := cmp.Diff(studiesOf(x.old), x.staged()); diff != "" {
				t.Errorf("after it was mended, staged differs from OLD (-old +staged):\n%s", diff)
			}
		})
	}
}

// TestADamagedStudyBehindALimitIsNamedToo: the day is cut because OLD says that there
// are more, and one of its parts is what OLD cannot answer.
func TestADamagedStudyBehindALimitIsNamedToo(t *testing.T) {
	x := cross(t, 0)
	busyDays(x, 6, 33)
	d := damage{study: onTheFifth}
	objects := dimsetest.Study(777, dimsetest.StudyOptions{Modality: d.study.Modality, Date: d.study.Date, Time: d.study.Time, Instances: 1, Rows: 4})
	check(t, x.old.Add(objects...))
	d.uid = objects[0].StudyUID
	limit := dimsetest.FindFaults{Limit: 20, LimitStatus: dimse.StatusOutOfResources}
	limit.RefuseQuery = func(identifier *dataset.Dataset) dimse.Status {
		if identifier.String(dataset.StudyTime) == "" && identifier.String(dataset.ModalitiesInStudy) == "" {
			return dimse.StatusSuccess // the limit strikes before the damage
		}
		return d.refuse(identifier)
	}
	finds(limit)(x)
	_, err := x.stock.Range(t.Context(), january(1), january(31))
	var unable *bridge.UnableError
	if !errors.As(err, &unable) || !strings.Contains(err.Error(), "101112-101112, modality MR") {
		t.Errorf("the inventory ended with %v", err)
	}
	if got, want := len(x.staged()), 6*33; got != want {
		t.Errorf("%d studies staged, want %d", got, want)
	}
}

func TestAWholeFinderNamesWhatOldCannotAnswer(t *testing.T) {
	x := cross(t, 0)
	busyDays(x, 6, 3)
	damaged(x, damage{study: onTheFifth})
	finder := bridge.NewWholeFinder(x.migrator.Old.(*bridge.Peer), time.Millisecond, nil)
	var got []string
	var unable *bridge.UnableError
	for _, w := range bridge.Windows(january(1), january(6), 24*time.Hour) {
		for s, err := range finder.Studies(t.Context(), bridge.StudyQuery{Window: w}) {
			if err != nil && !errors.As(err, &unable) {
				t.Fatal(err)
			}
			if err == nil {
				got = append(got, s.UID)
			}
		}
	}
	if unable == nil || len(got) != 18 {
		t.Errorf("%d studies, and %v", len(got), fmt.Sprint(unable))
	}
}
