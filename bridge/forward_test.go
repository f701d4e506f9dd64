package bridge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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

// shortQuiet is how long nothing more must come of a study in these tests.
const shortQuiet = 50 * time.Millisecond

// forwards lets instances travel that nobody asked for, by a forwarder that runs until
// the test ends or stop is called.
func (x *crossing) forwards() (stop func()) {
	x.t.Helper()
	f := &bridge.Forwarder{
		Dir: x.unsolicited(), Ledger: x.db, Node: "test", Old: "OLDPACS", Quarantine: x.inbox.Quarantine, Feed: x.feedOnly, Quiet: shortQuiet,
		Logger: slog.New(slog.NewTextHandler(testWriter{x.t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	check(x.t, f.Open())
	x.inbox.Forward, x.migrator.Collect.Forward = f, f
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	stop = func() {
		cancel()
		if err, open := <-ended; open {
			check(x.t, err)
			close(ended)
		}
	}
	x.t.Cleanup(stop)
	return stop
}

func (x *crossing) unsolicited() string {
	return filepath.Join(x.inbox.Quarantine.Dir, "..", "unsolicited")
}

func (x *crossing) feedOnly(ctx context.Context, studies []string) error {
	_, err := x.db.Feed(ctx, staging.FeedOptions{Node: "test", Room: 10, Scope: staging.Scope{StudyUIDs: studies}})
	return err
}

// send sends objects to our port as a caller would, and wants each answered 0000.
func (x *crossing) send(calling string, objects ...dimsetest.Object) {
	x.t.Helper()
	for _, o := range objects {
		check(x.t, x.sendOne(calling, o))
	}
}

func (x *crossing) sendOne(calling string, o dimsetest.Object) error {
	d := dimse.Dialer{Address: x.address, CallingAE: calling, CalledAE: ourAE}
	a, err := d.Dial(x.t.Context(), []dimse.Proposal{{SOPClass: o.SOPClass, TransferSyntaxes: []string{o.TransferSyntax}}})
	if err != nil {
		return err
	}
	_, err = a.Store(x.t.Context(), dimse.StoreRequest{SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, TransferSyntax: o.TransferSyntax,
		Data: bytes.NewReader(o.Data), Size: int64(len(o.Data))})
	return errors.Join(err, a.Release(x.t.Context()))
}

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// is reports whether a study is in a state.
func (x *crossing) is(studyUID string, state staging.State) bool {
	s, _, err := x.db.Study(x.t.Context(), studyUID)
	return err == nil && s.State == state
}

// released reports whether nothing is kept any more.
func (x *crossing) released() bool {
	files, err := filepath.Glob(filepath.Join(x.unsolicited(), "*", "*"))
	return err == nil && len(files) == 0
}

// wantAtNew demands that NEW holds exactly these objects, byte for byte.
func (x *crossing) wantAtNew(objects ...dimsetest.Object) {
	x.t.Helper()
	want := map[string]string{}
	for _, o := range objects {
		want[o.SOPInstance] = digest(o)
	}
	if diff := cmp.Diff(want, x.new.Digests()); diff != "" {
		x.t.Errorf("at NEW (-want +got):\n%s", diff)
	}
}

func digest(o dimsetest.Object) string {
	sum := sha256.Sum256(o.Data)
	return hex.EncodeToString(sum[:])
}

func TestWhatNobodyAskedForBecomesAStudyCollection(t *testing.T) {
	x := cross(t, 0)
	x.forwards()
	objects := dimsetest.Study(7, dimsetest.StudyOptions{Instances: 3})
	x.send("MODALITY", objects...)
	x.send("MODALITY", objects[0]) // once more changes nothing
	until(t, "the study is migrated and let go", func() bool { return x.is(objects[0].StudyUID, staging.Migrated) && x.released() })
	x.wantAtNew(objects...)
	s, items, err := x.db.Study(t.Context(), objects[0].StudyUID)
	check(t, err)
	if s.Origin != staging.Unsolicited || s.Holder != "" || s.PatientID == "" || s.Modalities == "" || len(items) != len(objects) {
		t.Errorf("the ledger says %+v with %d items", s, len(items))
	}
	if n := x.old.Counts(); n.Moves != 0 {
		t.Errorf("OLD was asked for it: %+v", n)
	}
	x.status()
	x.send("MODALITY", objects...) // after the end too
	until(t, "the copies are let go", x.released)
	x.wantAtNew(objects...)
}

func TestWhatWasAcknowledgedOutlivesTheProcess(t *testing.T) {
	x := cross(t, 0)
	stop := x.forwards()
	stop() // what comes is kept and nobody goes on with it
	objects := dimsetest.Study(8, dimsetest.StudyOptions{Instances: 2})
	x.send("MODALITY", objects...)
	if _, _, err := x.db.Study(t.Context(), objects[0].StudyUID); !errors.Is(err, staging.ErrNotFound) {
		t.Fatalf("the ledger knows the study already: %v", err)
	}
	check(t, os.WriteFile(filepath.Join(x.unsolicited(), "partial-1"), []byte("half"), 0o600)) // of a process that died
	x.forwards()
	until(t, "the study is migrated and let go", func() bool { return x.is(objects[0].StudyUID, staging.Migrated) && x.released() })
	x.wantAtNew(objects...)
	until(t, "nothing is left behind", func() bool { return len(must(filepath.Glob(filepath.Join(x.unsolicited(), "*")))(t)) == 0 })
}

func TestWhatNobodyAskedForJoinsAStudyThatWasMigrated(t *testing.T) {
	x := cross(t, 2)
	x.forwards()
	check(t, x.run())
	x.wantAll()
	moves := x.old.Counts().Moves
	study := x.old.Instances()[0].StudyUID
	more := sameStudy(t, x.old.Instances()[0])
	x.send("MODALITY", more)
	until(t, "the instance is at NEW", func() bool { _, there := x.new.Digests()[more.SOPInstance]; return there })
	until(t, "the study is migrated again", func() bool { return x.is(study, staging.Migrated) && x.released() })
	x.wantAtNew(append(x.old.Instances(), more)...)
	if n := x.old.Counts().Moves; n != moves {
		t.Errorf("OLD was asked %d times more for what NEW has", n-moves)
	}
	if s, _, err := x.db.Study(t.Context(), study); err != nil || s.Origin != staging.Inventoried {
		t.Errorf("the study is %+v, %v", s, err)
	}
	x.status()
}

// sameStudy is another instance of an instance's series.
func sameStudy(t *testing.T, of dimsetest.Object) dimsetest.Object {
	t.Helper()
	other := of
	other.SOPInstance = of.SOPInstance[:len(of.SOPInstance)-2] + "99"
	other.Data = bytes.Replace(slices.Clone(of.Data), []byte(of.SOPInstance), []byte(other.SOPInstance), 1)
	if bytes.Equal(other.Data, of.Data) {
		t.Fatal("the data set does not name its instance")
	}
	return other
}

func TestWhatComesUnaskedWhileItsStudyIsCollectedJoinsIt(t *testing.T) {
	x := cross(t, 1)
	x.forwards()
	more := sameStudy(t, x.old.Instances()[0])
	x.migrator.Collect.Grace = 300 * time.Millisecond
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{NoFinal: true}}) // so that the grace is waited for
	ended := make(chan error, 1)
	go func() { ended <- x.run() }()
	until(t, "the study is collected", func() bool { return x.is(more.StudyUID, staging.Collecting) })
	x.send("MODALITY", more)
	check(t, <-ended)
	until(t, "the instance has joined and is proven", func() bool {
		_, there := x.new.Digests()[more.SOPInstance]
		return there && x.is(more.StudyUID, staging.Migrated) && x.released()
	})
	x.wantAtNew(append(x.old.Instances(), more)...)
}

func TestAnotherDataSetThatNobodyAskedForGoesToQuarantine(t *testing.T) {
	for name, first := range map[string]func(*crossing, dimsetest.Object){
		"after one that came unasked": func(x *crossing, o dimsetest.Object) { x.send("MODALITY", o) },
		"after one that was migrated": func(x *crossing, o dimsetest.Object) {
			x.send("MODALITY", o)
			until(x.t, "the first is at NEW", func() bool { return x.is(o.StudyUID, staging.Migrated) && x.released() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := cross(t, 0)
			x.forwards()
			one := dimsetest.Study(9, dimsetest.StudyOptions{Instances: 1})[0]
			other := one
			other.Data = slices.Clone(one.Data)
			other.Data[len(other.Data)-1] ^= 0xFF
			first(x, one)
			x.send("MODALITY", other)
			until(t, "the first is at NEW", func() bool { return x.is(one.StudyUID, staging.Migrated) && x.released() })
			x.wantAtNew(one)
			index := string(must(os.ReadFile(filepath.Join(x.inbox.Quarantine.Dir, "index.jsonl")))(t))
			if !strings.Contains(index, digest(one)) || !strings.Contains(index, digest(other)) {
				t.Errorf("the index does not name both digests:\n%s", index)
			}
		})
	}
}

// TestAHeadThatIsHardToReadDoesNotEndTheForwarder: what was acknowledged must go on, as
// far as it goes, and so must the others.
func TestAHeadThatIsHardToReadDoesNotEndTheForwarder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		harden func(*testing.T, *dimsetest.Object)
		ends   staging.State
	}{
		{"a private element of megabytes before the study", func(t *testing.T, o *dimsetest.Object) {
			d := must(dataset.Decode(o.Data, o.TransferSyntax))(t)
			d.Set(dataset.Element{Tag: 0x00190010, VR: dataset.LO, Value: []byte("LONG")})
			d.Set(dataset.Element{Tag: 0x00191001, VR: dataset.OB, Value: make([]byte, 2<<20)})
			o.Data = must(d.AppendTo(nil, o.TransferSyntax))(t)
		}, staging.Migrated},
		{"damaged behind the series, so that NEW refuses it", func(t *testing.T, o *dimsetest.Object) {
			id := bytes.Index(o.Data, []byte{0x20, 0x00, 0x10, 0x00, 'S', 'H'})
			if id < 0 {
				t.Fatal("there is no Study ID")
			}
			o.Data = append(bytes.Clone(o.Data[:id]), 0x20, 0x00, 0x10, 0x00, 'S', 'H', 0xFF, 0xFF)
		}, staging.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := cross(t, 0)
			x.forwards()
			o := dimsetest.Study(9, dimsetest.StudyOptions{Instances: 1, Rows: 4})[0]
			tt.harden(t, &o)
			o.Size = int64(len(o.Data))
			x.send("MODALITY", o)
			until(t, "the study has come to its end", func() bool { return x.is(o.StudyUID, tt.ends) })
		})
	}
}

func TestADamagedFileIsNotDelivered(t *testing.T) {
	x := cross(t, 0)
	stop := x.forwards()
	stop()
	object := dimsetest.Study(10, dimsetest.StudyOptions{Instances: 1})[0]
	x.send("MODALITY", object)
	file := must(filepath.Glob(filepath.Join(x.unsolicited(), "*", "*.dcm")))(t)[0]
	content := must(os.ReadFile(file))(t)
	content[len(content)-1] ^= 0xFF
	check(t, os.WriteFile(file, content, 0o600))
	x.forwards()
	until(t, "the study has failed", func() bool { return x.is(object.StudyUID, staging.Failed) })
	x.wantAtNew()
	x.wantFailed(staging.Data, object.SOPInstance)
}

func TestAnInstanceThatCannotBeCarriedIsRefused(t *testing.T) {
	x := cross(t, 0)
	x.forwards()
	object := dimsetest.Study(11, dimsetest.StudyOptions{Instances: 1})[0]
	object.Data = bytes.Replace(object.Data, []byte(object.StudyUID), bytes.Repeat([]byte(" "), len(object.StudyUID)), 1)
	var refusal *dimse.StatusError
	if err := x.sendOne("MODALITY", object); !errors.As(err, &refusal) || refusal.Status != dimse.StatusCannotUnderstand {
		t.Errorf("sending it: %v", err)
	}
}

func TestAFullDiskRefusesWhatNobodyAskedFor(t *testing.T) {
	x := cross(t, 0)
	x.forwards()
	x.inbox.Forward.Room = func() error { return errors.New("no room") }
	var refusal *dimse.StatusError
	if err := x.sendOne("MODALITY", dimsetest.Study(12, dimsetest.StudyOptions{Instances: 1})[0]); !errors.As(err, &refusal) || refusal.Status != dimse.StatusOutOfResources {
		t.Errorf("sending it: %v", err)
	}
}
