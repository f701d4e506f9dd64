package bridge_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// TestANumberOfFramesOfOneIsAsItWas: gdcmconv takes it from images and gives it to dose
// grids, and what it writes is sent with it as it was.
func TestANumberOfFramesOfOneIsAsItWas(t *testing.T) {
	none := func(_ *testing.T, o dimsetest.Object) dimsetest.Object { return o }
	frames := func(n string) func(*testing.T, dimsetest.Object) dimsetest.Object {
		return func(t *testing.T, o dimsetest.Object) dimsetest.Object {
			return patched(t, o, set(dataset.NumberOfFrames, n))
		}
	}
	for _, tt := range []struct {
		name, script   string
		held, made     func(*testing.T, dimsetest.Object) dimsetest.Object // of the object: at OLD, by the program
		refusedBecause string
		arrivesAsItWas bool
	}{
		{name: "taken away", held: frames("1"), made: none, arrivesAsItWas: true},
		{name: "added", held: none, made: frames("1"), arrivesAsItWas: true},
		{name: "kept", held: frames("1"), made: frames("1"), arrivesAsItWas: true},
		{name: "of two, taken away", held: frames("2"), made: none, refusedBecause: "removed NumberOfFrames"},
		{name: "of two, added", held: none, made: frames("2"), refusedBecause: "the attributes demand 256"},
		{name: "two, which was one", held: frames("1"), made: frames("2"), refusedBecause: "the attributes demand 256"},
		{name: "nothing, which was one", held: frames("1"), made: frames(""), refusedBecause: "changed NumberOfFrames"},
		{name: "taken away, with half of the image", script: `head -c 1200 "$OTHER" > "$2"`, held: frames("1"), made: none, refusedBecause: "malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := decompress(t, cmp.Or(tt.script, `cp "$OTHER" "$2"`))
			others(tt.made)(t, x)
			x.old.Remove(x.packed.SOPInstance)
			check(t, x.old.Add(compressed(t, tt.held(t, x.plain))))
			check(t, x.run())
			x.swept()
			it := x.item(x.plain.StudyUID, x.plain.SOPInstance)
			if !tt.arrivesAsItWas {
				x.wantFailed(staging.TargetRefused, x.plain.SOPInstance)
				if !strings.Contains(it.Reason, tt.refusedBecause) {
					t.Errorf("the reason is %q, want %q in it", it.Reason, tt.refusedBecause)
				}
				return
			}
			want := fmt.Sprintf("%x", sha256.Sum256(tt.held(t, x.plain).Data))
			if got := x.new.Digests()[x.plain.SOPInstance]; got != want || !strings.Contains(it.Warning, want) {
				t.Errorf("arrived as %s, want %s; the ledger says %q", got, want, it.Warning)
			}
			if d := x.verified(x.reconciler(x.byGet())).Differences; len(d) > 0 {
				t.Errorf("verify says %+v", d)
			}
		})
	}
}
