package bridge_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// compressed is an object with its pixels in a fragment: in RLE as far as anybody can
// tell who does not look into it.
func compressed(t *testing.T, o dimsetest.Object) dimsetest.Object {
	t.Helper()
	head := patched(t, o, dataset.Change{Tag: dataset.PixelData})
	pixels := bytes.Clone(o.Data[len(head.Data)+12:])
	for i := range pixels {
		pixels[i] ^= 0xFF // other bytes than those that they stand for
	}
	b := append(bytes.Clone(head.Data), 0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
	b = append(b, 0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0x00, 0xE0)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(pixels))), pixels...)
	o.Data = append(b, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)
	o.Size, o.TransferSyntax = int64(len(o.Data)), uid.RLE
	return o
}

// decompressing is a crossing to a NEW that takes nothing compressed, with one compressed
// instance at OLD.
type decompressing struct {
	*crossing
	plain, packed dimsetest.Object
	program       *bridge.Decompressor
	dir           string
}

// decompress sets one up whose program is a shell script; $1 and $2 in it are the files
// it reads and writes, and $PLAIN is what it should write.
func decompress(t *testing.T, script string, takes ...string) *decompressing {
	t.Helper()
	x := &decompressing{crossing: cross(t, 1), dir: t.TempDir()}
	x.plain = dimsetest.Study(88, dimsetest.StudyOptions{Modality: "CT", Instances: 1, Rows: 8, Date: "20260105"})[0]
	x.packed = compressed(t, x.plain)
	check(t, x.old.Add(x.packed))
	x.program = &bridge.Decompressor{Dir: filepath.Join(x.dir, "work"), Limit: 20 * time.Second,
		Command: []string{"sh", "-c", "PLAIN=" + x.write("plain", x.plain) + "; " + script, "sh", bridge.InFile, bridge.OutFile}}
	check(t, x.program.Open())
	x.migrator.Deliver.New.(*bridge.Peer).Decompress = x.program
	if len(takes) == 0 {
		takes = []string{uid.ExplicitLE, uid.ImplicitLE}
	}
	refuses(func(_ *crossing, _, syntax string) bool {
		return !strings.Contains(strings.Join(takes, " ")+" ", syntax+" ")
	})(x.crossing)
	return x
}

// write writes an object as a file.
func (x *decompressing) write(name string, o dimsetest.Object) string {
	x.t.Helper()
	path := filepath.Join(x.dir, name)
	f := must(os.Create(path))(x.t)
	must(o.WriteFile(f))(x.t)
	check(x.t, f.Close())
	return path
}

const copies = `cp "$PLAIN" "$2"`

// swept demands that no file was left behind.
func (x *decompressing) swept() {
	x.t.Helper()
	if left := must(os.ReadDir(x.program.Dir))(x.t); len(left) > 0 {
		x.t.Errorf("%d folders are left", len(left))
	}
}

func TestWhatNewTakesUncompressedOnlyIsDecompressedByAProgram(t *testing.T) {
	for name, takes := range map[string]string{"explicit VR": uid.ExplicitLE, "implicit VR": uid.ImplicitLE} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := decompress(t, copies, takes)
			check(t, x.run())
			want := x.plain
			if takes == uid.ImplicitLE {
				var out bytes.Buffer
				check(t, dataset.Reencode(&out, bytes.NewReader(want.Data), uid.ExplicitLE, takes))
				want.Data = out.Bytes()
			}
			digest := fmt.Sprintf("%x", sha256.Sum256(want.Data))
			if got := x.new.Digests()[x.plain.SOPInstance]; got != digest {
				t.Errorf("arrived as %s, want %s", got, digest)
			}
			it := x.item(x.plain.StudyUID, x.plain.SOPInstance)
			if it.SHA256 != fmt.Sprintf("%x", sha256.Sum256(x.packed.Data)) || it.TransferSyntax != uid.RLE || it.State != staging.ItemDone {
				t.Errorf("the ledger does not say what was received: %+v", it)
			}
			if !strings.Contains(it.Warning, "decompressed by sh from RLE Lossless") || !strings.Contains(it.Warning, digest) {
				t.Errorf("the ledger says of the decompression: %q", it.Warning)
			}
			n := len(x.old.Instances())
			result := x.verified(x.reconciler(x.byGet()))
			if c := result.Content; c.Identical+c.Equal != n || c.Identical == 0 || len(result.Differences) > 0 {
				t.Errorf("verify says %+v %+v", result.Differences, *c)
			}
			x.swept()
		})
	}
}

// What went ahead of its study decompressed is recorded like the rest.
func TestWhatGoesAheadDecompressedIsOnTheBooks(t *testing.T) {
	x := decompress(t, copies)
	x.migrator.Early = true
	other := patched(t, x.plain, set(dataset.SOPInstanceUID, "2.25.9910"))
	other.SOPInstance = "2.25.9910"
	check(t, x.old.Add(other))
	stored := make(chan struct{})
	var once sync.Once
	x.new.SetFaults(dimsetest.Faults{
		Association: dimsetest.AssociationFaults{RefuseContext: func(_, syntax string) bool { return syntax == uid.RLE }},
		Store: dimsetest.StoreFaults{Status: func(sopInstance string, _ int) dimse.Status {
			if sopInstance == x.packed.SOPInstance {
				once.Do(func() { close(stored) })
			}
			return dimse.StatusSuccess
		}},
	})
	var early bool
	held := heldUntil(1, stored, &early)
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: func(sopInstance string, times int) bool {
		return sopInstance == other.SOPInstance && held(sopInstance, times)
	}}})
	check(t, x.run())
	if !early {
		t.Fatal("it did not go ahead")
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(x.plain.Data))
	if it := x.item(x.plain.StudyUID, x.plain.SOPInstance); !strings.Contains(it.Warning, "decompressed by sh from RLE Lossless") || !strings.Contains(it.Warning, digest) {
		t.Errorf("the ledger says of the decompression: %q", it.Warning)
	}
	if d := x.verified(x.reconciler(x.byGet())).Differences; len(d) > 0 {
		t.Errorf("verify says %+v", d)
	}
}

func TestDeepVerificationKnowsWhatWasSentDecompressed(t *testing.T) {
	x := decompress(t, copies)
	check(t, x.run())
	sent := x.plain
	for _, tt := range []struct {
		name   string
		change func(dimsetest.Object) dimsetest.Object
		want   string // "" means: no difference
	}{
		{"encoded anew", func(o dimsetest.Object) dimsetest.Object {
			var out bytes.Buffer
			check(t, dataset.Reencode(&out, bytes.NewReader(o.Data), o.TransferSyntax, uid.ImplicitLE))
			o.Data, o.TransferSyntax = out.Bytes(), uid.ImplicitLE
			o.Size = int64(len(o.Data))
			return o
		}, ""},
		{"a pixel", pixelsFlipped, "pixel data differ"},
		{"an attribute", func(o dimsetest.Object) dimsetest.Object {
			return patched(t, o, set(dataset.PatientName, "Someone^Else"))
		}, "changed PatientName; pixel data identical"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x.swap(sent, tt.change)
			result := x.verified(x.reconciler(x.byGet()))
			if tt.want == "" && len(result.Differences) == 0 && result.Content.Equal == 1 {
				return
			}
			if len(result.Differences) != 1 || result.Differences[0].Kind != bridge.ContentDiffers || result.Differences[0].Detail != tt.want {
				t.Errorf("%+v, content %+v, want %q", result.Differences, *result.Content, tt.want)
			}
		})
	}
}

func TestWhatNewDecompressedItselfIsADifference(t *testing.T) {
	x := decompress(t, copies, uid.ExplicitLE, uid.ImplicitLE, uid.RLE)
	check(t, x.run())
	x.wantAll() // as it was received
	x.swap(x.packed, func(dimsetest.Object) dimsetest.Object { return x.plain })
	result := x.verified(x.reconciler(x.byGet()))
	if len(result.Differences) != 1 || result.Differences[0].UID != x.plain.SOPInstance {
		t.Errorf("%+v", result.Differences)
	}
}

func TestAProgramThatDoesNotDecompressIsTold(t *testing.T) {
	tests := []struct {
		name, script string
		arrange      func(*testing.T, *decompressing)
		reason       string
	}{
		{name: "it fails", script: `echo >&2; echo "F: cannot $(printf '\033')do it" >&2; echo more >&2; exit 66`, reason: "sh did not decompress it: exit status 66: F: cannot do it"},
		{name: "it crashes", script: `kill -SEGV $$`, reason: "signal: segmentation fault"},
		{name: "it hangs, and so does what it started", script: `sleep 600 & sleep 600`, reason: "it ran longer than",
			arrange: func(_ *testing.T, x *decompressing) { x.program.Limit = 100 * time.Millisecond }},
		{name: "it floods its outputs", script: `head -c 9999999 /dev/zero | tr '\0' 'x' >&2; exit 1`, reason: "exit status 1: xxx"},
		{name: "it writes nothing", script: `true`, reason: "it wrote no DICOM file"},
		{name: "it writes something else", script: `echo something else entirely, of more than nothing > "$2"`, reason: "it wrote no DICOM file"},
		{name: "it writes half of it", script: `head -c 600 "$PLAIN" > "$2"`, reason: "malformed"},
		{name: "it compresses", script: `cp "$1" "$2"`, reason: "it wrote RLE Lossless"},
		{name: "its pixel data are short", script: `cp "$OTHER" "$2"`, reason: "the attributes demand 128", arrange: others(func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return patched(t, o, dataset.Change{Tag: dataset.PixelData, Set: &dataset.Element{Value: make([]byte, 64)}})
		})},
		{name: "the pixel data are gone", script: `cp "$OTHER" "$2"`, reason: "another pixel data element", arrange: others(func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return patched(t, o, dataset.Change{Tag: dataset.PixelData})
		})},
		{name: "another instance", script: `cp "$OTHER" "$2"`, reason: "more than the pixel data: changed SOPInstanceUID", arrange: others(func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return patched(t, o, set(dataset.SOPInstanceUID, "1.2.3"))
		})},
		{name: "another name", script: `cp "$OTHER" "$2"`, reason: "more than the pixel data: changed PatientName", arrange: others(func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return patched(t, o, set(dataset.PatientName, "Someone^Else"))
		})},
		{name: "there is none", reason: "executable file not found", arrange: func(_ *testing.T, x *decompressing) {
			x.program.Command = []string{"no-such-program-here", bridge.InFile, bridge.OutFile}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := decompress(t, tt.script)
			if tt.arrange != nil {
				tt.arrange(t, x)
			}
			check(t, x.run())
			x.wantFailed(staging.TargetRefused, x.plain.SOPInstance)
			it := x.item(x.plain.StudyUID, x.plain.SOPInstance)
			if !strings.Contains(it.Reason, tt.reason) || len(it.Reason) > 700 || strings.Contains(it.Reason, "Else") || strings.Contains(it.Reason, x.dir) {
				t.Errorf("the reason is %q, want %q in it", it.Reason, tt.reason)
			}
			x.wantNoLie()
			x.swept()
		})
	}
}

// others lets the program write another file.
func others(change func(*testing.T, dimsetest.Object) dimsetest.Object) func(*testing.T, *decompressing) {
	return func(t *testing.T, x *decompressing) {
		x.program.Command[2] = "OTHER=" + x.write("other", change(t, x.plain)) + "; " + x.program.Command[2]
	}
}

func TestTheProgramDoesNotRunWhereItIsNoUse(t *testing.T) {
	marks := `touch "$(dirname "$PLAIN")/ran"; ` + copies
	t.Run("the class is refused in any form", func(t *testing.T) {
		x := decompress(t, marks)
		refuses(func(_ *crossing, sopClass, _ string) bool { return sopClass == x.plain.SOPClass })(x.crossing)
		check(t, x.run())
		x.notRun()
	})
	t.Run("it is taken as it is", func(t *testing.T) {
		x := decompress(t, marks, uid.ExplicitLE, uid.ImplicitLE, uid.RLE)
		check(t, x.run())
		x.wantAll()
		x.notRun()
	})
}

func (x *decompressing) notRun() {
	x.t.Helper()
	if _, err := os.Stat(filepath.Join(x.dir, "ran")); err == nil {
		x.t.Error("the program ran")
	}
}

func TestADiskThatIsFullWhileDecompressingIsWaitedFor(t *testing.T) {
	x := decompress(t, `if [ -e "$(dirname "$PLAIN")/room" ]; then `+copies+`; else echo "no space left on device" >&2; exit 1; fi`)
	asked := 0
	x.program.Room = func() error {
		if asked++; asked == 2 {
			check(t, os.WriteFile(filepath.Join(x.dir, "room"), nil, 0o600))
		}
		return spool.ErrFull
	}
	check(t, x.run())
	it := x.item(x.plain.StudyUID, x.plain.SOPInstance)
	if it.State != staging.ItemDone || asked != 2 {
		t.Errorf("after %d looks at the disk: %+v", asked, it)
	}
}

func TestFilesOfAProcessThatWasKilledAreRemoved(t *testing.T) {
	d := &bridge.Decompressor{Dir: filepath.Join(t.TempDir(), "work"), Command: []string{"true"}}
	check(t, os.MkdirAll(filepath.Join(d.Dir, "object-1"), 0o700))
	check(t, d.Open())
	if left := must(os.ReadDir(d.Dir))(t); len(left) > 0 {
		t.Errorf("%d are left", len(left))
	}
}

// TestRulesAndDecompressionTogether: what is decompressed is what the rules made of it,
// and deep verification knows both.
func TestRulesAndDecompressionTogether(t *testing.T) {
	x := decompress(t, `cp "$OTHER" "$2"`)
	x.ruled(bridge.Rules{Old: "OLDPACS", List: []bridge.Rule{{Attribute: dataset.StudyDescription, Action: bridge.Set, Value: "of the old house"}}})
	ruled := func(t *testing.T, o dimsetest.Object) dimsetest.Object {
		return patched(t, o, set(dataset.StudyDescription, "of the old house"))
	}
	others(ruled)(t, x)
	check(t, x.run())
	want := sha256.Sum256(ruled(t, x.plain).Data)
	if got := x.new.Digests()[x.plain.SOPInstance]; got != fmt.Sprintf("%x", want) {
		t.Errorf("arrived as %s, want %x", got, want)
	}
	for _, tt := range []struct {
		name        string
		change      func(dimsetest.Object) dimsetest.Object
		differences int
	}{
		{"as it was sent", func(o dimsetest.Object) dimsetest.Object { return o }, 0},
		{"encoded anew", func(o dimsetest.Object) dimsetest.Object {
			var out bytes.Buffer
			check(t, dataset.Reencode(&out, bytes.NewReader(o.Data), o.TransferSyntax, uid.ImplicitLE))
			o.Data, o.TransferSyntax, o.Size = out.Bytes(), uid.ImplicitLE, int64(out.Len())
			return o
		}, 0},
		{"without what the rules made", func(dimsetest.Object) dimsetest.Object { return x.plain }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x.swap(ruled(t, x.plain), tt.change)
			if d := x.verified(x.reconciler(x.byGet())).Differences; len(d) != tt.differences {
				t.Errorf("%+v", d)
			}
		})
	}
}
