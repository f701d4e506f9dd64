package bridge_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// keyObjects is Key Object Selection Document Storage.
const keyObjects = "1.2.840.10008.5.1.4.1.1.88.59"

// rejectedAt lets a study fail at NEW, which refuses a private class, and sends the note
// about what it left.
func rejectedAt(t *testing.T, x *crossing, new dimsetest.Peer) {
	t.Helper()
	left := dimsetest.Study(301, dimsetest.StudyOptions{Modality: "CT", Instances: 2, Rows: 8, Date: "20260105"})
	left[1] = patched(t, left[1], set(dataset.SOPClassUID, "1.2.3.4.5.6.7.8"))
	left[1].SOPClass, left[1].Size = "1.2.3.4.5.6.7.8", int64(len(left[1].Data))
	check(t, x.old.Add(left...))
	p := bridge.NewPeer(bridge.PeerOptions{Name: "new", Associations: 2, Logger: x.migrator.Logger, Patience: shortPauses,
		Dialer: dimse.Dialer{Address: new.Address, CallingAE: ourAE, CalledAE: new.AE}})
	t.Cleanup(func() { closePeer(t, p) })
	x.migrator.Deliver.New, x.migrator.Verify.New = p, p
	rejecter := &bridge.Rejecter{New: p, Studies: x.db, Why: nondicom.RejectedForQuality}
	named := 0
	x.migrator.OnFailed = func(study staging.Study, _ bridge.Failure) {
		var err error
		if named, err = rejecter.Reject(t.Context(), study.UID, time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)); err != nil {
			t.Error(err)
		}
	}
	check(t, x.run())
	if named != 1 {
		t.Errorf("the note names %d objects, want the one that was taken", named)
	}
	listed := must(p.Instances(t.Context(), left[0].StudyUID))(t)
	series := nondicom.SeriesOfRejections(left[0].StudyUID)
	if !slices.ContainsFunc(listed, func(l bridge.Listed) bool { return l.SeriesUID == series }) || len(listed) != 2 {
		t.Errorf("listed: %+v", listed)
	}
}

// noteIn is the data set of the one note among Part 10 files, in explicit VR little endian.
func noteIn(t *testing.T, files ...[]byte) (note []byte) {
	t.Helper()
	for _, file := range files {
		meta, data, err := dataset.ReadPart10(bytes.NewReader(file))
		if err == nil && meta.SOPClassUID == keyObjects && meta.TransferSyntaxUID == uid.ExplicitLE {
			note = must(io.ReadAll(data))(t)
		}
	}
	return note
}

// anew is a data set with all lengths written as we write them: Orthanc keeps what it
// receives in the form in which DCMTK writes it.
func anew(t *testing.T, b []byte) []byte {
	t.Helper()
	return must(must(dataset.Decode(b, uid.ExplicitLE))(t).AppendTo(nil, uid.ExplicitLE))(t)
}

// TestRealArchivesTakeARejectionNote compares what they keep with what an archive in
// memory was sent.
func TestRealArchivesTakeARejectionNote(t *testing.T) {
	t.Parallel()
	x := cross(t, 0)
	x.new.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{RefuseContext: func(class, _ string) bool { return class == "1.2.3.4.5.6.7.8" }}})
	rejectedAt(t, x, x.new.Peer())
	var want []byte
	for _, o := range x.new.Instances() {
		if o.SOPClass == keyObjects {
			want = o.Data
		}
	}
	if len(want) == 0 {
		t.Fatal("no note was sent")
	}
	t.Run("Orthanc", func(t *testing.T) {
		new := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "NEWPACS", Settings: map[string]any{"UnknownSopClassAccepted": false}})
		rejectedAt(t, cross(t, 0), new.Peer)
		var files [][]byte
		for _, o := range must(new.Instances(t.Context()))(t) {
			body := must(new.File(t.Context(), o.ID))(t)
			files = append(files, must(io.ReadAll(body))(t))
			check(t, body.Close())
		}
		if got := noteIn(t, files...); !bytes.Equal(anew(t, got), anew(t, want)) {
			t.Errorf("the note arrived with other content: %d bytes of %d", len(got), len(want))
		}
	})
	t.Run("dcmqrscp", func(t *testing.T) {
		new := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{AE: "NEWPACS"})
		rejectedAt(t, cross(t, 0), new.Peer)
		var files [][]byte
		for _, path := range must(filepath.Glob(filepath.Join(new.Dir, "*")))(t) {
			files = append(files, must(os.ReadFile(path))(t))
		}
		if got := noteIn(t, files...); !bytes.Equal(got, want) {
			t.Errorf("the note arrived otherwise than it was sent: %d bytes of %d", len(got), len(want))
		}
	})
}
