package bridge_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// reconciler compares both archives with the ledger, and contents as well.
func (x *crossing) reconciler(contents *bridge.Contents) *bridge.Reconciler {
	old, new := peer("old", x.old, x.migrator.Logger), peer("new", x.new, x.migrator.Logger)
	x.t.Cleanup(func() {
		check(x.t, old.Close(context.Background()))
		check(x.t, new.Close(context.Background()))
	})
	return &bridge.Reconciler{Finder: old, Old: old, New: new, Books: x.db, Contents: contents}
}

// byGet compares contents by C-GET from both archives.
func (x *crossing) byGet() *bridge.Contents {
	r := x.reconciler(nil)
	return &bridge.Contents{
		New:      &bridge.Shelf{Peer: r.New.(*bridge.Peer), Other: "OLDPACS", Get: true, Logger: x.migrator.Logger},
		Original: &bridge.Shelf{Peer: r.Old.(*bridge.Peer), Other: "NEWPACS", Get: true, Logger: x.migrator.Logger},
	}
}

// byMove compares contents by C-MOVE to an SCP of its own.
func (x *crossing) byMove() *bridge.Contents {
	const ae = "LOOKER"
	desk := &bridge.Desk{}
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(x.t)
	server := &dimse.Server{AETitle: ae, Handlers: dimse.Handlers{Store: desk}, Logger: x.migrator.Logger}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	x.t.Cleanup(func() {
		stop()
		<-ended
	})
	contents := x.byGet()
	contents.Desk = desk
	for _, shelf := range []*bridge.Shelf{contents.New.(*bridge.Shelf), contents.Original.(*bridge.Shelf)} {
		shelf.Get, shelf.Desk, shelf.Grace = false, desk, 100*time.Millisecond
		shelf.Peer.Destination = ae
	}
	for _, a := range []*dimsetest.Archive{x.old, x.new} {
		a.AddDestination(ae, listener.Addr().String())
	}
	return contents
}

func (x *crossing) verified(r *bridge.Reconciler) bridge.Reconciliation {
	x.t.Helper()
	return must(r.Range(x.t.Context(), staging.Scope{}, bridge.Windows(january(1), january(31), 24*time.Hour)))(x.t)
}

// swap puts another data set in the place of one that NEW holds.
func (x *crossing) swap(o dimsetest.Object, change func(dimsetest.Object) dimsetest.Object) {
	x.t.Helper()
	o.Data = bytes.Clone(o.Data)
	x.new.Remove(o.SOPInstance)
	check(x.t, x.new.Add(change(o)))
}

// patched makes changes to attributes of an object.
func patched(t *testing.T, o dimsetest.Object, changes ...dataset.Change) dimsetest.Object {
	t.Helper()
	var out bytes.Buffer
	made, err := dataset.Patch(&out, bytes.NewReader(o.Data), o.TransferSyntax, changes)
	check(t, err)
	if slices.Contains(made, 0) {
		t.Fatalf("not all changes were made: %v", made)
	}
	o.Data, o.Size = out.Bytes(), int64(out.Len())
	return o
}

func set(tag dataset.Tag, value string) dataset.Change {
	return dataset.Change{Tag: tag, Set: &dataset.Element{Value: []byte(value)}}
}

func pixelsFlipped(o dimsetest.Object) dimsetest.Object {
	o.Data[len(o.Data)-9] ^= 0x40
	return o
}

func TestContentsThatAreTheSameAreFoundToBe(t *testing.T) {
	for name, way := range map[string]func(*crossing) *bridge.Contents{"by C-GET": (*crossing).byGet, "by C-MOVE": (*crossing).byMove} {
		t.Run(name, func(t *testing.T) {
			x := cross(t, 3)
			check(t, x.run())
			n := len(x.old.Instances())
			result := x.verified(x.reconciler(way(x)))
			if want := (bridge.ContentCounts{Compared: n, Identical: n}); *result.Content != want || result.Complete != 3 || len(result.Differences) != 0 {
				t.Errorf("%+v, content %+v, want %+v", result, *result.Content, want)
			}
		})
	}
}

func TestEveryChangeOfContentIsNamed(t *testing.T) {
	tests := []struct {
		name   string
		change func(*testing.T, dimsetest.Object) dimsetest.Object
		want   string // "" means: no difference
		equal  bool
	}{
		{"an attribute changed", func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return patched(t, o, set(dataset.PatientName, "Someone^Else"))
		}, "changed PatientName; pixel data identical", false},
		{"one added, one taken away", func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return patched(t, o, set(dataset.IssuerOfPatientID, "NEW"), dataset.Change{Tag: dataset.StudyDescription})
		}, "added IssuerOfPatientID; removed StudyDescription; pixel data identical", false},
		{"a pixel", func(_ *testing.T, o dimsetest.Object) dimsetest.Object { return pixelsFlipped(o) }, "pixel data differ", false},
		{"both", func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return pixelsFlipped(patched(t, o, set(dataset.PatientID, "X")))
		}, "changed PatientID; pixel data differ", false},
		{"the pixels are gone", func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return patched(t, o, dataset.Change{Tag: dataset.PixelData})
		}, "the pixel data are gone", false},
		{"encoded anew", func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			var out bytes.Buffer
			check(t, dataset.Reencode(&out, bytes.NewReader(o.Data), o.TransferSyntax, other(o.TransferSyntax)))
			o.Data, o.Size, o.TransferSyntax = out.Bytes(), int64(out.Len()), other(o.TransferSyntax)
			return o
		}, "", true},
		{"padded otherwise", func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			head := must(dataset.ReadHeader(bytes.NewReader(o.Data), o.TransferSyntax, dataset.PixelData, 0))(t)
			return patched(t, o, set(dataset.StudyDescription, head.String(dataset.StudyDescription)+"    "))
		}, "", true},
		{"cut off", func(_ *testing.T, o dimsetest.Object) dimsetest.Object {
			o.Data = o.Data[:len(o.Data)-7]
			o.Size = int64(len(o.Data))
			return o
		}, "the new PACS sends a malformed data set", false},
	}
	x := cross(t, 1)
	check(t, x.run())
	victim := x.new.Instances()[1]
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x.swap(victim, func(o dimsetest.Object) dimsetest.Object { return tt.change(t, o) })
			result := x.verified(x.reconciler(x.byGet()))
			if tt.equal {
				if len(result.Differences) != 0 || result.Content.Equal != 1 || result.Complete != 1 {
					t.Errorf("%+v %+v, want one that is equal", result, *result.Content)
				}
				return
			}
			if len(result.Differences) != 1 || result.Complete != 0 || result.Content.Differ != 1 {
				t.Fatalf("%+v %+v, want one difference", result, *result.Content)
			}
			d := result.Differences[0]
			if d.Kind != bridge.ContentDiffers || d.UID != victim.SOPInstance || !strings.Contains(d.Detail, tt.want) {
				t.Errorf("%+v, want %q", d, tt.want)
			}
			if strings.Contains(d.Detail, "Else") {
				t.Errorf("the detail tells a value: %s", d.Detail)
			}
		})
	}
}

// other is implicit for explicit VR little endian, and the other way round.
func other(syntax string) string {
	if syntax == uid.ImplicitLE {
		return uid.ExplicitLE
	}
	return uid.ImplicitLE
}

func TestAttributesThatNewMayChangeAreNoDifference(t *testing.T) {
	x := cross(t, 1)
	check(t, x.run())
	x.swap(x.new.Instances()[0], func(o dimsetest.Object) dimsetest.Object {
		return patched(t, o, set(dataset.StudyDescription, "told otherwise"))
	})
	contents := x.byGet()
	contents.Allowed = must(bridge.AttributeNames([]string{"0008,1030"}))(t)
	if result := x.verified(x.reconciler(contents)); len(result.Differences) != 0 || result.Content.Allowed != 1 {
		t.Errorf("%+v %+v", result, *result.Content)
	}
	if _, err := bridge.AttributeNames([]string{"PatientName", "NoSuchThing"}); err == nil {
		t.Error("an attribute that there is not is allowed")
	}
}

func TestAnInstanceThatNewListsAndDoesNotSendIsADifference(t *testing.T) {
	x := cross(t, 1)
	check(t, x.run())
	victim := x.new.Instances()[0].SOPInstance
	for name, faults := range map[string]dimsetest.MoveFaults{
		"withheld": {Withhold: dimsetest.Only(victim), Success: true},
		"failed":   {Fail: dimsetest.Only(victim)},
	} {
		t.Run(name, func(t *testing.T) {
			x.new.SetFaults(dimsetest.Faults{Move: faults})
			for _, contents := range []*bridge.Contents{x.byGet(), x.byMove()} {
				result := x.verified(x.reconciler(contents))
				if len(result.Differences) != 1 || result.Differences[0].UID != victim || !strings.Contains(result.Differences[0].Detail, "does not send it") {
					t.Errorf("%+v", result)
				}
			}
		})
	}
}

func TestAControlFolderStandsInForOld(t *testing.T) {
	x := cross(t, 2)
	check(t, x.run())
	dir := t.TempDir()
	for i, o := range x.old.Instances() {
		f := must(os.Create(filepath.Join(dir, fmt.Sprint(i))))(t)
		must(o.WriteFile(f))(t)
		check(t, f.Close())
	}
	check(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not DICOM"), 0o600))
	x.swap(x.new.Instances()[0], func(o dimsetest.Object) dimsetest.Object { return patched(t, o, set(dataset.PatientID, "X")) })
	contents := x.byGet()
	contents.Original = must(bridge.OpenControl(dir))(t)
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Refuse: func(int) dimse.Status { return dimse.StatusOutOfResources }}})
	result := x.verified(x.reconciler(contents))
	if len(result.Differences) != 1 || result.Differences[0].Detail != "changed PatientID; pixel data identical" {
		t.Errorf("%+v", result)
	}
	if _, err := bridge.OpenControl(t.TempDir()); err == nil {
		t.Error("an empty folder is a control")
	}
}

func TestTheSameSeedDrawsTheSameSample(t *testing.T) {
	x := cross(t, 12)
	check(t, x.run())
	draw := func(size int, seed uint64) (studies []string) {
		r := x.reconciler(x.byGet())
		r.Sample = &bridge.Sample{Size: size, Seed: seed}
		for _, o := range x.new.Instances() {
			x.new.Remove(o.SOPInstance) // so that each study that is looked at is named
		}
		result := x.verified(r)
		if result.Sample.Of != 12 || result.Studies != min(size, 12) {
			t.Errorf("%d of %d studies", result.Studies, result.Sample.Of)
		}
		for _, d := range result.Differences {
			studies = append(studies, d.StudyUID)
		}
		return slices.Compact(studies)
	}
	first := draw(4, 1)
	if again := draw(4, 1); !slices.Equal(first, again) || len(first) != 4 {
		t.Errorf("two samples of one seed: %v and %v", first, again)
	}
	if slices.Equal(first, draw(4, 2)) && slices.Equal(first, draw(4, 3)) {
		t.Error("three seeds draw the same sample")
	}
	if all := draw(20, 1); len(all) != 12 {
		t.Errorf("a sample larger than the range has %d studies", len(all))
	}
}

// planted is a difference that somebody made, by what it must be found as.
type planted struct {
	UID  string
	Kind bridge.DifferenceKind
}

func TestVerifyFindsWhatWasPlantedAndNothingElse(t *testing.T) {
	studies := 40
	if long {
		studies = 500
	}
	x := cross(t, studies)
	check(t, x.run())
	chance := rand.New(rand.NewPCG(7, 7))
	var want []planted
	for i, o := range x.new.Instances() {
		if chance.IntN(5) > 0 {
			continue
		}
		plant := planted{UID: o.SOPInstance, Kind: bridge.ContentDiffers}
		switch i % 5 {
		case 0:
			x.new.Remove(o.SOPInstance)
			plant.Kind = bridge.MissingAtNew
		case 1:
			x.swap(o, pixelsFlipped)
		case 2:
			x.swap(o, func(o dimsetest.Object) dimsetest.Object { return patched(t, o, set(dataset.PatientID, "X")) })
		case 3:
			x.old.Remove(o.SOPInstance) // no difference: it was migrated
			continue
		case 4:
			extra := dimsetest.Study(int64(1000+i), dimsetest.StudyOptions{Instances: 1})[0]
			extra = patched(t, extra, set(dataset.StudyInstanceUID, o.StudyUID))
			extra.StudyUID = o.StudyUID
			check(t, x.new.Add(extra))
			plant = planted{extra.SOPInstance, bridge.ExtraAtNew}
		}
		want = append(want, plant)
	}
	late := dimsetest.Study(999, dimsetest.StudyOptions{Instances: 2, Date: "20260115"})
	check(t, x.old.Add(late...))
	for _, o := range late {
		want = append(want, planted{o.SOPInstance, bridge.NotReceived})
	}
	var got []planted
	for _, d := range x.verified(x.reconciler(x.byGet())).Differences {
		got = append(got, planted{d.UID, d.Kind})
	}
	byUID := func(a, b planted) int { return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Kind, b.Kind)) }
	slices.SortFunc(want, byUID)
	slices.SortFunc(got, byUID)
	if diff := gocmp.Diff(want, got); diff != "" || len(want) < studies/2 {
		t.Errorf("%d planted (-want +got):\n%s", len(want), diff)
	}
	t.Logf("%d studies, %d differences planted", studies, len(want))
}
