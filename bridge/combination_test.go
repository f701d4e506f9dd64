package bridge_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// some picks about one instance of n, always the same for a seed.
func some(seed uint64, n uint32) dimsetest.Pick {
	return func(sopInstance string, _ int) bool {
		h := fnv.New32a()
		fmt.Fprint(h, seed, sopInstance)
		return h.Sum32()%n == 0
	}
}

// habit adds one fault to what the archives do; seed chooses its victims.
type habit struct {
	name string
	add  func(seed uint64, old, new *dimsetest.Faults)
}

// status answers the stores that pick picks, times times.
func status(code dimse.Status, times int, pick dimsetest.Pick) func(string, int) dimse.Status {
	return func(sopInstance string, n int) dimse.Status {
		if n <= times && pick(sopInstance, n) {
			return code
		}
		return dimse.StatusSuccess
	}
}

var habits = []habit{
	{"withholds once", func(s uint64, old, _ *dimsetest.Faults) { old.Move.Withhold = dimsetest.First(1, some(s, 12)) }},
	{"withholds for ever", func(s uint64, old, _ *dimsetest.Faults) { old.Move.Withhold = some(s, 40) }},
	{"fails once", func(s uint64, old, _ *dimsetest.Faults) { old.Move.Fail = dimsetest.First(1, some(s, 12)) }},
	{"fails for ever", func(s uint64, old, _ *dimsetest.Faults) { old.Move.Fail = some(s, 40) }},
	{"sends late", func(s uint64, old, _ *dimsetest.Faults) {
		old.Move.Late, old.Move.LateBy = some(s, 8), 10*time.Millisecond
	}},
	{"sends twice", func(s uint64, old, _ *dimsetest.Faults) { old.Move.Twice = some(s, 4) }},
	{"aborts", func(_ uint64, old, _ *dimsetest.Faults) { old.Move.AbortAfter, old.Move.AbortMoves = 2, 8 }},
	{"always says success", func(_ uint64, old, _ *dimsetest.Faults) { old.Move.Success = true }},
	{"never says that it is done", func(_ uint64, old, _ *dimsetest.Faults) { old.Move.NoFinal = true }},
	{"tells no counts", func(_ uint64, old, _ *dimsetest.Faults) { old.Move.OmitCounts, old.Move.OmitList = true, true }},
	{"is busy", func(s uint64, old, _ *dimsetest.Faults) {
		old.Move.Refuse = dimsetest.RefuseFirst(6, []dimse.Status{0xA700, 0xA701, 0xA702, 0xC001}[s%4])
	}},
	{"sends strays", func(s uint64, old, _ *dimsetest.Faults) {
		old.Move.Extra = dimsetest.Study(int64(s%1000)+90_000, dimsetest.StudyOptions{Instances: 1, Rows: 4})
	}},
	{"has a limit", func(_ uint64, old, _ *dimsetest.Faults) {
		old.Find.Limit, old.Find.LimitStatus = 4, dimse.StatusOutOfResources
	}},
	{"ignores dates", func(_ uint64, old, _ *dimsetest.Faults) { old.Find.IgnoreDates = true }},
	{"answers untidily", func(_ uint64, old, _ *dimsetest.Faults) { old.Find.Edit = untidy }},
	{"searches badly at first", func(_ uint64, old, _ *dimsetest.Faults) { old.Find.Refuse = dimsetest.RefuseFirst(2, 0xC002) }},
	{"OLD rejects now and then", func(_ uint64, old, _ *dimsetest.Faults) { old.Association.Admit = everyThird }},
	{"NEW rejects now and then", func(_ uint64, _, new *dimsetest.Faults) { new.Association.Admit = everyThird }},
	{"NEW is full", func(s uint64, _, new *dimsetest.Faults) { new.Store.Status = status(0xA700, 2, some(s, 10)) }},
	{"NEW has whims", func(s uint64, _, new *dimsetest.Faults) { new.Store.Status = status(0xC000, 1, some(s, 10)) }},
	{"NEW refuses for ever", func(s uint64, _, new *dimsetest.Faults) { new.Store.Status = status(0x0110, always, some(s, 40)) }},
	{"NEW warns", func(s uint64, _, new *dimsetest.Faults) { new.Store.Status = status(0xB000, always, some(s, 4)) }},
	{"NEW calls it a duplicate", func(s uint64, _, new *dimsetest.Faults) { new.Store.Status = status(0x0111, 1, some(s, 20)) }},
	{"NEW forgets once", func(s uint64, _, new *dimsetest.Faults) { new.Store.Forget = dimsetest.First(1, some(s, 20)) }},
	{"NEW forgets for ever", func(s uint64, _, new *dimsetest.Faults) { new.Store.Forget = some(s, 60) }},
	{"NEW drops", func(s uint64, _, new *dimsetest.Faults) { new.Store.Drop = dimsetest.First(1, some(s, 12)) }},
	{"NEW cuts", func(s uint64, _, new *dimsetest.Faults) { new.Store.Cut = dimsetest.First(2, some(s, 12)) }},
	{"NEW is mute", func(s uint64, _, new *dimsetest.Faults) { new.Store.Mute = dimsetest.First(1, some(s, 100)) }},
	{"NEW takes implicit VR only", func(_ uint64, _, new *dimsetest.Faults) {
		new.Association.RefuseContext = func(_, syntax string) bool { return syntax == uid.ExplicitLE }
	}},
	{"NEW refuses a class", func(s uint64, _, new *dimsetest.Faults) {
		new.Association.RefuseContext = func(class, _ string) bool { return class == uid.CTImageStorage }
	}},
}

// everyThird rejects every third association for the moment.
func everyThird(n int, _ dimse.AssociateRequest) error {
	if n%3 == 1 {
		return &dimse.RejectError{Result: 2, Source: 3, Reason: 2}
	}
	return nil
}

func TestThreeFaultsAtOnceLoseNothing(t *testing.T) {
	const studies = 15
	seeds := usualSeeds
	if long {
		seeds = 60
	}
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 6))
		var old, new dimsetest.Faults
		var names []string
		for _, i := range random.Perm(len(habits))[:3] {
			habits[i].add(random.Uint64(), &old, &new)
			names = append(names, habits[i].name)
		}
		t.Run(fmt.Sprintf("%d: %s", seed, strings.Join(names, ", ")), func(t *testing.T) {
			t.Parallel()
			x := cross(t, 0)
			x.migrator.Early = seed%4 == 3
			for _, s := range dimsetest.Corpus(int64(seed+1), studies, january(1), 5) {
				check(t, x.old.Add(s.Objects[:min(len(s.Objects), 4)]...))
			}
			if old.Move.NoFinal || new.Store.Mute != nil {
				x.impatiently()
			}
			x.old.SetFaults(old)
			x.new.SetFaults(new)
			check(t, x.run())
			x.wantNoLie()
			x.wantUnaltered()
			s := x.status()
			t.Logf("under the faults: %d of %d studies migrated, %d of %d instances proven", s.Studies.Migrated, studies, s.Instances.Verified, s.Instances.Expected)

			x.old.SetFaults(dimsetest.Faults{})
			x.new.SetFaults(dimsetest.Faults{})
			check(t, x.run())
			x.wantNoLie()
			x.wantUnaltered()
			if s = x.status(); s.Studies.Migrated != studies {
				t.Errorf("when all is well again: %+v, want %d migrated", s.Studies, studies)
			}
		})
	}
}

// wantUnaltered demands that NEW holds nothing that OLD does not hold, and what it
// holds byte for byte, or re-encoded and noted so.
func (x *crossing) wantUnaltered() {
	x.t.Helper()
	old := x.old.Digests()
	new := x.new.Digests()
	for _, o := range x.new.Instances() {
		switch it, digest := x.item(o.StudyUID, o.SOPInstance), old[o.SOPInstance]; {
		case digest == "":
			x.t.Errorf("NEW holds %s, which OLD does not", o.SOPInstance)
		case digest != it.SHA256:
			x.t.Errorf("the ledger's digest of %s is not OLD's", o.SOPInstance)
		case digest != new[o.SOPInstance] && !strings.Contains(it.Warning, "the values are the same"):
			x.t.Errorf("%s is altered at NEW", o.SOPInstance)
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(old)) {
		if _, there := new[uid]; !there && x.done(uid) {
			x.t.Errorf("%s is called done and is not at NEW", uid)
		}
	}
}

// done reports whether the ledger calls an instance done.
func (x *crossing) done(uid string) bool {
	for line, err := range x.db.Report(x.t.Context(), staging.Scope{}) {
		check(x.t, err)
		if line.UID == uid {
			return line.State == staging.ItemDone
		}
	}
	return false
}
