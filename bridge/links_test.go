package bridge_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
)

// long asks for tests at their full size, which takes minutes.
var long = os.Getenv("PACSBRIDGE_LONG") != ""

// trouble plans the faults of one link: each connection is struck somewhere, until
// so many were planned.
type trouble struct {
	name   string
	mostly int64 // bytes after which most faults strike

	mu      sync.Mutex
	random  *rand.Rand
	left    int
	planned map[string]int
}

var faultNames = map[dimsetest.FaultKind]string{dimsetest.Refuse: "refused", dimsetest.Cut: "cut", dimsetest.Reset: "reset",
	dimsetest.Stall: "stalled", dimsetest.Swallow: "answer lost"}

// kinds has each fault as often as it is to come; those that cost a time-out less.
var kinds = []dimsetest.FaultKind{dimsetest.Reset, dimsetest.Reset, dimsetest.Reset, dimsetest.Cut, dimsetest.Cut, dimsetest.Refuse,
	dimsetest.Stall, dimsetest.Swallow}

// plan is the fault of the next connection.
func (w *trouble) plan(int) dimsetest.LinkFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 {
		return dimsetest.LinkFault{}
	}
	w.left--
	fault := dimsetest.LinkFault{Kind: kinds[w.random.IntN(len(kinds))], Direction: dimsetest.Direction(w.random.IntN(2)), After: 1 + w.random.Int64N(w.mostly)}
	if fault.Kind == dimsetest.Swallow {
		fault.Direction = dimsetest.FromTarget
	}
	if fault.Direction == dimsetest.FromTarget {
		fault.After = 1 + fault.After/8 // answers are short
	}
	w.planned[faultNames[fault.Kind]]++
	return fault
}

// beset puts a troubled link into each of the three ways of the crossing.
func (x *crossing) beset(seed uint64, faults int) []*trouble {
	var all []*trouble
	troubled := func(n int, name string, mostly int64) *trouble {
		w := &trouble{name: name, mostly: mostly, random: rand.New(rand.NewPCG(seed, uint64(n))), left: faults / 3, planned: map[string]int{}}
		all = append(all, w)
		return w
	}
	old := x.migrator.Old.(*bridge.Peer)
	old.Dialer.Timeouts = x.timeouts
	x.migrator.Deliver.New.(*bridge.Peer).Dialer.Timeouts = x.timeouts
	link := must(dimsetest.NewLink(x.old.Peer().Address, troubled(1, "to OLD", 6000).plan))(x.t)
	x.links = append(x.links, link)
	old.Dialer.Address = link.Address()
	x.inboundLink(troubled(2, "inbound", 20_000).plan)
	x.newLink(troubled(3, "to NEW", 20_000).plan)
	return all
}

// TestThreeTroubledLinksLoseNothing lets every connection between the three be reset,
// cut, refused or stalled, or lose its answers, until the faults are used up.
func TestThreeTroubledLinksLoseNothing(t *testing.T) {
	t.Parallel()
	studies, faults, least := 12, 60, 30
	if long {
		studies, faults, least = 60, 330, 200
	}
	const each = 5 // instances of a study
	x := crossWithin(t, 0, dimse.Timeouts{Response: slowdown * 300 * time.Millisecond, Idle: slowdown * 600 * time.Millisecond, ARTIM: slowdown * 600 * time.Millisecond})
	x.migrator.Attempts = 10
	for i := range studies {
		check(t, x.old.Add(dimsetest.Study(int64(100+i), dimsetest.StudyOptions{Date: fmt.Sprintf("202601%02d", 1+i%28), Instances: each, Rows: 32})...))
	}
	all := x.beset(6, faults)
	begun := time.Now()
	for run := 1; ; run++ {
		if err := x.run(); err != nil {
			t.Logf("run %d: %v", run, err) // the inventory gave up; another run goes on with it
			if run == 20 {
				t.Fatal("20 runs did not come to an end")
			}
			continue
		}
		x.wantNoLie()
		x.wantUnaltered()
		if s := x.status(); s.Studies.Migrated == studies || run == 20 {
			break
		}
	}
	x.wantAll()
	struck := 0
	for i, link := range x.links {
		made, n := link.Connections()
		struck += n
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(all[i].planned)) {
			kinds = append(kinds, fmt.Sprintf("%d %s", all[i].planned[kind], kind))
		}
		t.Logf("%-8s %d connections, %d struck (planned: %s)", all[i].name, made, n, strings.Join(kinds, ", "))
	}
	t.Logf("%d faults struck on %d instances in %v; something lost, altered or called done that is not: %v",
		struck, studies*each, time.Since(begun).Round(time.Millisecond), t.Failed())
	if struck < least {
		t.Errorf("%d faults struck, want %d at least", struck, least)
	}
}
