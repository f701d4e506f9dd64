package bridge_test

import (
	"slices"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

func TestWhatAFailedStudyLeftIsRejected(t *testing.T) {
	t.Parallel()
	x := cross(t, 3)
	uid := victim(x)
	x.new.SetFaults(dimsetest.Faults{Store: dimsetest.StoreFaults{Status: status(dimse.StatusProcessingFailure, always, dimsetest.Only(uid))}})
	rejecter := &bridge.Rejecter{New: x.migrator.Deliver.New.(*bridge.Peer), Studies: x.db, Why: nondicom.RejectedForQuality}
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	rejected := make(chan int, 1)
	x.migrator.OnFailed = func(study staging.Study, _ bridge.Failure) {
		n, err := rejecter.Reject(t.Context(), study.UID, at)
		if err != nil {
			t.Error(err)
		}
		rejected <- n
	}
	check(t, x.run())
	named := <-rejected
	failed := must(x.db.Failed(t.Context(), staging.Scope{}))(t)
	if len(failed) != 1 || len(failed[0].LeftBehind) == 0 || named != len(failed[0].LeftBehind) {
		t.Fatalf("the note names %d objects; failed is %+v", named, failed)
	}
	var notes []dimsetest.Object
	for _, o := range x.new.Instances() {
		if o.SeriesUID == nondicom.SeriesOfRejections(failed[0].StudyUID) {
			notes = append(notes, o)
		}
	}
	if len(notes) != 1 {
		t.Fatalf("%d notes at NEW", len(notes))
	}
	var references []string
	d := must(dataset.Decode(notes[0].Data, notes[0].TransferSyntax))(t)
	for _, item := range d.Sequence(0x0040A730) {
		references = append(references, item.Sequence(dataset.ReferencedSOPSequence)[0].String(dataset.ReferencedSOPInstanceUID))
	}
	slices.Sort(references)
	if !slices.Equal(references, failed[0].LeftBehind) || d.String(dataset.PatientID) == "" {
		t.Errorf("the note of patient %q names %v, left behind is %v", d.String(dataset.PatientID), references, failed[0].LeftBehind)
	}

	x.new.SetFaults(dimsetest.Faults{})
	check(t, x.run())
	result := must(x.reconciler(nil).Range(t.Context(), staging.Scope{}, bridge.Windows(january(1), january(31), 24*time.Hour)))(t)
	if result.Complete != 3 || len(result.Differences) != 0 {
		t.Errorf("a note of ours is a difference: %+v", result)
	}
}

func TestAStudyThatLeftNothingIsNotRejected(t *testing.T) {
	t.Parallel()
	x := cross(t, 1)
	check(t, x.run())
	must(x.db.StageStudies(t.Context(), 0, []staging.Study{{UID: "1.2.3.4", Kind: staging.Images}}))(t)
	rejecter := &bridge.Rejecter{New: x.migrator.Deliver.New.(*bridge.Peer), Studies: x.db, Why: nondicom.RejectedForSafety}
	if n, err := rejecter.Reject(t.Context(), "1.2.3.4", time.Now()); n != 0 || err != nil {
		t.Errorf("%d objects rejected, %v", n, err)
	}
}
