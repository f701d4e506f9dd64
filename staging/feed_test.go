package staging_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pacsbridge/staging"
)

// queued lists the studies in the queue, in the order in which their jobs were
// inserted.
func (l *ledger) queued(t testing.TB) []string {
	t.Helper()
	var uids []string
	for s, err := range l.Studies(l.ctx, staging.Scope{}) {
		must(t, err)
		if s.State == staging.Queued {
			uids = append(uids, strings.TrimPrefix(s.UID, "1.2."))
		}
	}
	slices.Sort(uids)
	return uids
}

func TestFeedTakesPriorityThenTheNewest(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		urgent := study(1)
		urgent.Priority = 5
		l.stage(t, urgent, study(2), study(3), study(4), staging.Study{UID: "1.2.undated"})
		for _, want := range []string{"1", "1 4", "1 3 4", "1 2 3 4", "1 2 3 4 undated"} {
			room := len(l.queued(t)) + 1
			if n := l.feed(t, staging.FeedOptions{Room: room}); n != 1 {
				t.Fatalf("with room for %d, %d were fed", room, n)
			}
			if got := strings.Join(l.queued(t), " "); got != want {
				t.Fatalf("queued are %s, not %s", got, want)
			}
			if n := l.feed(t, staging.FeedOptions{Room: room}); n != 0 {
				t.Fatalf("a full queue took %d", n)
			}
		}
	})
}

func TestFeedNeverQueuesTwoStudiesOfOnePatient(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		older, newer, stranger, nobody, nobody2 := study(1), study(2), study(3), study(4), study(5)
		older.PatientID, newer.PatientID, stranger.PatientID = "P", "P", "P"
		stranger.Issuer = "ANOTHER HOSPITAL"
		nobody.PatientID, nobody2.PatientID = "", ""
		l.stage(t, older, newer, stranger, nobody, nobody2)
		l.feed(t, staging.FeedOptions{})
		if got := strings.Join(l.queued(t), " "); got != "2 3 4 5" {
			t.Errorf("queued are %s", got)
		}
		c := l.claim(t, "1.2.2")
		if n := l.feed(t, staging.FeedOptions{}); n != 0 {
			t.Error("the second study of a patient was queued while the first was in work")
		}
		must(t, c.Fail(l.ctx, staging.Data, "broken"))
		if n := l.feed(t, staging.FeedOptions{}); n != 1 {
			t.Error("the second study of a patient still waits")
		}
		l.audit(t)
	})
}

func TestFeedGivesEachDepartmentItsShare(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		var all []staging.Study
		for i := range 60 {
			s := study(i)
			s.Department = []string{"RAD", "RAD", "RAD", "RAD", "CARD", "放射科"}[i%6]
			all = append(all, s)
		}
		l.stage(t, all...)
		l.feed(t, staging.FeedOptions{Room: 12, Departments: []string{"RAD", "CARD", "*"}})
		got := map[string]int{}
		for s, err := range l.Studies(l.ctx, staging.Scope{}) {
			must(t, err)
			if s.State == staging.Queued {
				got[s.Department]++
			}
		}
		if fmt.Sprint(got) != "map[CARD:4 RAD:4 放射科:4]" {
			t.Errorf("queued are %v", got)
		}
	})
}

func TestDepartmentsThatShareAQueueKeepItsOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		var all []staging.Study
		for i := range 8 {
			s := study(i)
			s.Department = []string{"CARD", "", "*", "DERM"}[i%4]
			all = append(all, s)
		}
		all[1].Priority, all[3].Priority = 5, 9 // of DERM, which is paused
		all[2].PatientID = all[5].PatientID     // who has a newer study in another department
		l.stage(t, all...)
		must(t, l.Pause(l.ctx, "DERM"))
		for i, want := range []string{"1", "1 6", "1 5 6", "1 4 5 6", "0 1 4 5 6", "0 1 4 5 6"} {
			l.feed(t, staging.FeedOptions{Room: 2 * (i + 1), Departments: []string{"RAD", "*"}})
			if got := strings.Join(l.queued(t), " "); got != want {
				t.Errorf("with room for %d, queued are %s, not %s", i+1, got, want)
			}
		}
	})
}

// All that is open belongs to a department with a queue of its own, as in the settings
// that pacsbridge init writes; the queue of the others has next to nothing to do.
func TestAQueueReadsPastNoStudyOfTheOthers(t *testing.T) {
	l := openLedger(t, emptyPostgres(t))
	must(t, l.Stand(l.ctx, 4000, 2)) // half of them are open, of department D0
	for want := range 2 {
		o := staging.FeedOptions{Node: node, Room: 20, Departments: []string{"D0"}}
		found, read, err := l.Candidates(l.ctx, o, staging.AllOthers)
		must(t, err)
		if found != want || read > 50 {
			t.Errorf("%d studies of other departments are found, not %d, by reading %d", found, want, read)
		}
		other := study(1)
		other.Department = "CARD"
		l.stage(t, other)
	}
}

func TestFeedKeepsToTheScope(t *testing.T) {
	uids := func(numbers ...int) (uids []string) {
		for _, n := range numbers {
			uids = append(uids, fmt.Sprint("1.2.", n))
		}
		return uids
	}
	for want, scope := range map[string]staging.Scope{
		"0 1 2 3 4 undated": {},
		"1 2":               {From: "2026-01-02", To: "2026-01-03"},
		"1 2 undated":       {From: "2026-01-02", To: "2026-01-03", Undated: true},
		"3 4":               {From: "2026-01-04"},
		"0":                 {To: "2026-01-01"},
		"0 3":               {StudyUIDs: uids(0, 3, 77)},
	} {
		t.Run(want, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, l *ledger) {
				l.stage(t, study(0), study(1), study(2), study(3), study(4), staging.Study{UID: "1.2.undated"})
				l.feed(t, staging.FeedOptions{Scope: scope})
				if got := strings.Join(l.queued(t), " "); got != want {
					t.Errorf("queued are %s", got)
				}
				if n, err := l.Remaining(l.ctx, scope); err != nil || n != len(strings.Fields(want)) {
					t.Errorf("%d remain, %v", n, err)
				}
			})
		})
	}
}

func TestAReturnedStudyWaitsForItsTime(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		must(t, l.claim(t, "1.2.1").Return(l.ctx, staging.PeerBusy, "A700", 30*time.Second, true))
		if n := l.feed(t, staging.FeedOptions{}); n != 0 {
			t.Error("it was queued before its time")
		}
		l.pass(31 * time.Second)
		if n := l.feed(t, staging.FeedOptions{}); n != 1 {
			t.Error("it was not queued at its time")
		}
	})
}

func TestFeedingKeepsTheLeaseOfWhatWaits(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		for range 5 {
			l.feed(t, staging.FeedOptions{Lease: time.Minute})
			l.pass(40 * time.Second)
			if n, err := l.Reclaim(l.ctx, "another", false); n != 0 || err != nil {
				t.Fatalf("%d reclaimed from a node that feeds, %v", n, err)
			}
		}
		l.pass(time.Minute)
		if n, err := l.Reclaim(l.ctx, "another", false); n != 1 || err != nil {
			t.Errorf("%d reclaimed from a node that does not feed any more, %v", n, err)
		}
	})
}

// What runs all the time must not look through what is done, however much that
// is, and must not sort it.
func TestHotQueriesReadAlongTheirIndexes(t *testing.T) {
	l := openLedger(t, engines["sqlite"](t))
	for query, args := range l.HotQueries() {
		plan, err := l.Plan(l.ctx, query, args...)
		must(t, err)
		for _, step := range plan {
			whole := strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "USING") &&
				!strings.Contains(step, "json_each") && step != "SCAN departments" // what it has found so far
			if whole || strings.Contains(step, "TEMP B-TREE FOR ORDER BY") {
				t.Errorf("%s\nis run so:\n%s", query, strings.Join(plan, "\n"))
			}
		}
	}
}
