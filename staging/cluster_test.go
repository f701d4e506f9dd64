package staging_test

import (
	"strings"
	"testing"
	"time"

	"pacsbridge/staging"
)

func TestPauseHoldsADepartmentAndOutlivesTheProcess(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		rad, card, nobody := study(1), study(2), study(3)
		card.Department, nobody.Department = "CARD", ""
		l.stage(t, rad, card, nobody)
		own := staging.FeedOptions{Departments: []string{"RAD"}}
		l.feed(t, own)
		must(t, l.Pause(l.ctx, "CARD", "RAD"))
		if got := strings.Join(l.queued(t), " "); got != "3" {
			t.Errorf("queued are %s", got)
		}
		second := openLedger(t, l.url)
		if n := second.feed(t, own); n != 0 {
			t.Errorf("another node fed %d", n)
		}
		if paused, err := second.Paused(l.ctx); err != nil || len(paused) != 2 || paused[0].Department != "CARD" || !paused[0].Since.Equal(l.Now()) {
			t.Errorf("paused are %+v, %v", paused, err)
		}
		if n, err := second.Resume(l.ctx, "CARD"); n != 1 || err != nil {
			t.Errorf("%d resumed, %v", n, err)
		}
		l.feed(t, own)
		if got := strings.Join(l.queued(t), " "); got != "2 3" {
			t.Errorf("queued are %s", got)
		}
		must(t, l.Pause(l.ctx))
		if n := l.feed(t, own); n != 0 || len(l.queued(t)) != 0 {
			t.Errorf("%d fed while everything is paused, %v queued", n, l.queued(t))
		}
		if n, err := l.Resume(l.ctx); n != 2 || err != nil {
			t.Errorf("%d resumed, %v", n, err)
		}
		if n := l.feed(t, own); n != 3 {
			t.Errorf("%d fed after all", n)
		}
		l.audit(t)
	})
}

func TestPrioritisedStudiesOvertakeAFullQueue(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, batch(0, 20)...)
		l.feed(t, staging.FeedOptions{Room: 5})
		if n, err := l.Prioritise(l.ctx, staging.Selection{PatientID: "P3", AccessionNumber: "A3"}, staging.Urgent); n != 1 || err != nil {
			t.Fatalf("%d prioritised, %v", n, err)
		}
		if n, err := l.Prioritise(l.ctx, staging.Selection{StudyUID: "1.2.19"}, staging.Urgent); n != 1 || err != nil { // is queued
			t.Fatalf("%d prioritised, %v", n, err)
		}
		l.feed(t, staging.FeedOptions{Room: 5})
		if got := strings.Join(l.queued(t), " "); got != "15 16 17 18 19 3" {
			t.Errorf("queued are %s", got)
		}
		n, err := l.Int(l.ctx, `SELECT count(*) FROM river_job WHERE priority = 1`)
		if n != 2 || err != nil {
			t.Errorf("%d jobs go first, %v", n, err)
		}
		if n, err := l.Prioritise(l.ctx, staging.Selection{StudyUID: "9"}, staging.Urgent); n != 0 || err != nil {
			t.Errorf("%d prioritised, %v", n, err)
		}
		if _, err := l.Prioritise(l.ctx, staging.Selection{}, staging.Urgent); err == nil {
			t.Error("everything was prioritised")
		}
		l.audit(t)
	})
}

func TestAStudyWhoseJobWasTakenByADeadProcessIsQueuedAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		l.feed(t, staging.FeedOptions{Lease: time.Minute})
		must(t, l.Exec(l.ctx, `DELETE FROM river_job`)) // as if it had been taken
		for range 2 {
			l.pass(40 * time.Second)
			l.feed(t, staging.FeedOptions{Lease: time.Minute})
		}
		if n, err := l.Reclaim(l.ctx, node, false); n != 1 || err != nil {
			t.Errorf("%d reclaimed, %v", n, err)
		}
		if n := l.feed(t, staging.FeedOptions{}); n != 1 {
			t.Errorf("%d fed", n)
		}
	})
}

func TestTroubleWithAPeerHoldsAllNodes(t *testing.T) {
	patience := staging.Patience{First: time.Second, Longest: 5 * time.Minute}
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		meet := func(class staging.Class) staging.Peer {
			t.Helper()
			p, err := l.Trouble(l.ctx, "old", class, patience)
			must(t, err)
			return p
		}
		var last time.Duration
		for try := 1; try <= 12; try++ {
			p := meet(staging.PeerBusy)
			pause := p.Until.Sub(l.Now())
			if p.Tries != try || pause != p.Rest || pause < 500*time.Millisecond || pause > 5*time.Minute || try > 3 && try < 9 && pause < last/2 {
				t.Errorf("after %d tries: %+v, a pause of %v", try, p, pause)
			}
			last = pause
			l.pass(time.Millisecond)
			if again := meet(staging.Network); again.Tries != try || again.Rest != pause-time.Millisecond {
				t.Errorf("the same trouble again: %+v", again)
			}
			if n := l.feed(t, staging.FeedOptions{}); n != 0 {
				t.Errorf("%d fed to a peer in trouble", n)
			}
			if troubled, err := l.Troubled(l.ctx); err != nil || len(troubled) != 1 || troubled[0].Name != "old" || troubled[0].Class != staging.PeerBusy {
				t.Errorf("in trouble: %+v, %v", troubled, err)
			}
			l.pass(pause)
		}
		if n := l.feed(t, staging.FeedOptions{}); n != 1 {
			t.Errorf("%d fed after the pause", n)
		}
		if troubled, err := l.Troubled(l.ctx); len(troubled) != 0 || err != nil {
			t.Errorf("after the pause in trouble: %+v, %v", troubled, err)
		}
		if was, err := l.Well(l.ctx, "old"); !was || err != nil {
			t.Errorf("trouble ended: %v, %v", was, err)
		}
	})
}

// The node that met the trouble died, and nobody said that the peer is well.
func TestTroubleOfLongAgoIsOver(t *testing.T) {
	patience := staging.Patience{First: time.Second, Longest: time.Minute}
	eachEngine(t, func(t *testing.T, l *ledger) {
		for range 3 {
			p, err := l.Trouble(l.ctx, "new", staging.Network, patience)
			must(t, err)
			l.pass(p.Rest)
		}
		l.pass(2 * time.Minute)
		p, err := l.Trouble(l.ctx, "new", staging.Network, patience)
		if err != nil || p.Tries != 1 || !p.Since.Equal(l.Now()) {
			t.Errorf("trouble after a long time: %+v, %v", p, err)
		}
	})
}

func TestWhatWasBegunIsFedAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, batch(0, 3)...)
		must(t, l.claim(t, "1.2.1").Return(l.ctx, staging.Network, "cut", 0, true))
		_, err := l.Reclaim(l.ctx, node, true) // what was fed beside it
		must(t, err)
		if n := l.feed(t, staging.FeedOptions{Begun: true}); n != 1 || strings.Join(l.queued(t), " ") != "1" {
			t.Errorf("%d fed, queued are %v", n, l.queued(t))
		}
	})
}

func TestJobsThatNobodyWorksOnAreSweptAway(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, batch(1, 4)...)
		l.feed(t, staging.FeedOptions{})
		held := l.claim(t, "1.2.1")
		left := func(want int) {
			t.Helper()
			if n, err := l.Int(l.ctx, `SELECT count(*) FROM river_job`); n != want || err != nil {
				t.Errorf("%d jobs are left, want %d, %v", n, want, err)
			}
		}
		must(t, l.Exec(l.ctx, `UPDATE river_job SET created_at = '2026-01-01 00:00:00'`))
		must(t, l.Exec(l.ctx, `UPDATE river_job SET state = 'running', attempted_at = '2026-01-01 00:00:00' WHERE args ->> 'study_id' IN ('1', '2')`))
		for _, rest := range []int{3, 3} { // that of the second study has no worker; those of the others have, or wait
			_, err := l.Sweep(l.ctx)
			must(t, err)
			left(rest)
		}
		must(t, held.Return(l.ctx, "", "", 0, true))
		must(t, l.Pause(l.ctx))
		_, err := l.Sweep(l.ctx)
		must(t, err)
		left(0)
	})
}

func TestOneNodeLeadsUntilItIsSilent(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		lead := func(node string) bool {
			leads, err := l.Lead(l.ctx, "feeder", node, lease)
			must(t, err)
			return leads
		}
		for range 3 {
			if !lead("a") || lead("b") {
				t.Error("a does not lead alone")
			}
			l.pass(lease - time.Second)
		}
		l.pass(2 * time.Second)
		if !lead("b") || lead("a") {
			t.Error("b does not lead after a was silent")
		}
	})
}

func TestStatusByDepartmentDayAndWindow(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		w, err := l.TakeWindow(l.ctx, day(2), day(3), node, lease)
		must(t, err)
		_, err = w.StageStudies(l.ctx, []staging.Study{study(1)})
		must(t, err)
		l.fill(t)
		for by, want := range map[staging.Grouping]int{staging.ByDepartment: 1, staging.ByDay: 4, staging.ByWindow: 2} {
			groups, err := l.StatusBy(l.ctx, staging.Scope{}, by)
			must(t, err)
			found := 0
			for _, g := range groups {
				found += g.Status.Studies.Found()
			}
			if len(groups) != want || found != 4 {
				t.Errorf("by %s: %+v", by, groups)
			}
		}
		if _, err := l.StatusBy(l.ctx, staging.Scope{}, "1; DROP TABLE studies"); err == nil {
			t.Error("a strange grouping was counted")
		}
		_, err = l.Reclaim(l.ctx, node, false) // folds
		must(t, err)
		l.audit(t)
		must(t, l.Exec(l.ctx, `UPDATE counters SET failed = failed + 1 WHERE range_date = '2026-01-02'`))
		if err := l.Audit(l.ctx); err == nil {
			t.Error("a counter that lies was not found")
		}
	})
}
