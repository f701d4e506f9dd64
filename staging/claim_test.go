package staging_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

func TestAStudyIsClaimedOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		s, _ := l.study(t, "1.2.1")
		_, err := l.Claim(l.ctx, s.ID, node, lease)
		mustBe(t, err, staging.ErrNotClaimable) // not queued yet
		c := l.claim(t, "1.2.1")
		if got := c.Study(); got.Attempts != 1 || got.State != staging.Collecting {
			t.Errorf("the claimed study is %+v", got)
		}
		_, err = l.Claim(l.ctx, s.ID, "node-2", lease)
		mustBe(t, err, staging.ErrNotClaimable)
		_, err = l.Claim(l.ctx, 999, node, lease)
		mustBe(t, err, staging.ErrNotClaimable)
	})
}

func TestTheJourneyOfAStudy(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		items := instances("1.2.1", 2)
		must(t, c.Expect(l.ctx, items))
		items[0].Received, items[0].Bytes, items[0].SHA256, items[0].TransferSyntax = true, 10, "ab", "1.2.840.10008.1.2.1"
		must(t, c.Save(l.ctx, items[:1]))
		must(t, c.Expect(l.ctx, instances("1.2.1", 3))) // listed again, one more
		got, err := c.Items(l.ctx)
		must(t, err)
		want := []staging.Item{items[0], items[1], instances("1.2.1", 3)[2]}
		for i := range want {
			want[i] = withDefaults(want[i])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		must(t, c.Advance(l.ctx, staging.Delivering, got...))
		var move *staging.MoveError
		if err := c.Advance(l.ctx, staging.Migrated); !errors.As(err, &move) {
			t.Errorf("from delivering to migrated: %v", err)
		}
		if err := c.Advance(l.ctx, staging.Collecting); !errors.As(err, &move) {
			t.Errorf("from delivering back to collecting: %v", err)
		}
		must(t, c.Advance(l.ctx, staging.Verifying))
		if err := c.Advance(l.ctx, staging.Migrated, done(got)...); !errors.As(err, &move) {
			t.Errorf("advanced to its end: %v", err)
		}
		must(t, c.Finish(l.ctx, done(got)...))
		s, final := l.study(t, "1.2.1")
		if s.State != staging.Migrated || final[2].State != staging.ItemDone {
			t.Errorf("at the end it is %+v with %+v", s, final)
		}
		mustBe(t, c.Save(l.ctx, got), staging.ErrLeaseLost)
		l.audit(t)
	})
}

// The answer to a step is lost with the connection, and it runs once more.
func TestAStepTakenTwiceIsTakenOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		for range 2 {
			must(t, c.Advance(l.ctx, staging.Delivering))
		}
		for range 2 {
			must(t, c.Advance(l.ctx, staging.Verifying, instances("1.2.1", 2)...))
		}
		if s, items := l.study(t, "1.2.1"); s.State != staging.Verifying || len(items) != 2 {
			t.Errorf("the study is %s with %d items", s.State, len(items))
		}
		var refused *staging.MoveError
		if err := c.Advance(l.ctx, staging.Delivering); !errors.As(err, &refused) {
			t.Errorf("a step back: %v", err)
		}
		l.audit(t)
	})
}

func withDefaults(it staging.Item) staging.Item {
	it.State, it.ObjectUID = staging.ItemPending, it.UID
	return it
}

func TestFinishAsksForProof(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		items := instances("1.2.1", 3)
		must(t, c.Expect(l.ctx, items))
		must(t, c.Advance(l.ctx, staging.Delivering))
		must(t, c.Advance(l.ctx, staging.Verifying))
		var open *staging.UnfinishedError
		if err := c.Finish(l.ctx, done(items[:2])...); !errors.As(err, &open) || open.Open != 1 || open.First != "instance 1.2.1.2" {
			t.Errorf("finish with an open item: %v", err)
		}
		if _, now := l.study(t, "1.2.1"); now[0].State != staging.ItemPending {
			t.Error("a refused finish left its items behind")
		}
		unproven := done(items)
		unproven[1].Found = false
		var lie *staging.UnprovenError
		if err := c.Finish(l.ctx, unproven...); !errors.As(err, &lie) || lie.UID != "1.2.1.1" {
			t.Errorf("finish without proof: %v", err)
		}
		proven := done(items)
		proven[2].State = staging.ItemSkipped
		must(t, c.Finish(l.ctx, proven...))
	})
}

func TestFailSpreadsItsReason(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		items := instances("1.2.1", 4)
		must(t, c.Expect(l.ctx, items))
		proven := done(items[:1])
		items[1].Class, items[1].Reason, items[1].Received = staging.TargetRefused, "no context", true
		items[2].Stored = true
		must(t, c.Fail(l.ctx, staging.Incomplete, "two did not come", append(proven, items[1], items[2])...))
		_, got := l.study(t, "1.2.1")
		for i, want := range []struct {
			state  staging.ItemState
			class  staging.Class
			reason string
		}{
			{staging.ItemDone, "", ""},
			{staging.ItemFailed, staging.TargetRefused, "no context"},
			{staging.ItemFailed, staging.Incomplete, "two did not come"},
			{staging.ItemFailed, staging.Incomplete, "two did not come"},
		} {
			if got[i].State != want.state || got[i].Class != want.class || got[i].Reason != want.reason {
				t.Errorf("item %d is %+v", i, got[i])
			}
		}
		failed, err := l.Failed(l.ctx, staging.Scope{})
		must(t, err)
		if diff := cmp.Diff([]staging.FailedStudy{{StudyUID: "1.2.1", AccessionNumber: "A1", Department: "RAD", Class: staging.Incomplete,
			Reason: "two did not come", Attempts: 1, LeftBehind: []string{"1.2.1.0", "1.2.1.2"}}}, failed); diff != "" {
			t.Error(diff)
		}

		n, err := l.RetryFailed(l.ctx, staging.Scope{}, staging.RetryFilter{Class: staging.Network})
		if n != 0 || err != nil {
			t.Errorf("%d of another class retried, %v", n, err)
		}
		n, err = l.RetryFailed(l.ctx, staging.Scope{StudyUIDs: []string{"1.2.1"}}, staging.RetryFilter{Class: staging.Incomplete})
		if n != 1 || err != nil {
			t.Errorf("%d retried, %v", n, err)
		}
		s, got := l.study(t, "1.2.1")
		if s.State != staging.ToMigrate || s.Attempts != 0 || got[1].State != staging.ItemPending || !got[1].Received || got[0].State != staging.ItemDone {
			t.Errorf("retried it is %+v with %+v", s, got)
		}
		l.audit(t)
	})
}

func TestReturnKeepsWhatIsKnown(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		items := instances("1.2.1", 2)
		items[0].Received, items[0].SHA256 = true, "ab"
		items[1].State, items[1].Class = staging.ItemFailed, staging.Network
		must(t, c.Return(l.ctx, staging.PeerBusy, "A700", 0, true, items...))
		s, got := l.study(t, "1.2.1")
		if s.State != staging.ToMigrate || s.Attempts != 0 || s.SoftTries != 1 || s.Class != staging.PeerBusy || s.Reason != "A700" {
			t.Errorf("it is %+v", s)
		}
		if !got[0].Received || got[0].SHA256 != "ab" || got[1].State != staging.ItemPending || got[1].Class != "" {
			t.Errorf("its items are %+v", got)
		}
		must(t, l.claim(t, "1.2.1").Return(l.ctx, staging.Internal, "x", 0, false))
		if s, _ = l.study(t, "1.2.1"); s.Attempts != 1 || s.SoftTries != 1 {
			t.Errorf("it is %+v", s)
		}
	})
}

func TestSkip(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		must(t, c.Expect(l.ctx, instances("1.2.1", 1)))
		if err := c.Skip(l.ctx, ""); err == nil {
			t.Error("skipped without a reason")
		}
		must(t, c.Skip(l.ctx, "not wanted"))
		s, items := l.study(t, "1.2.1")
		if s.State != staging.Skipped || items[0].State != staging.ItemSkipped || items[0].Reason != "not wanted" {
			t.Errorf("it is %+v with %+v", s, items)
		}
		l.audit(t)
	})
}

func TestAHolderThatWasCutOffWritesNothing(t *testing.T) {
	writes := map[string]func(*ledger, *staging.Claim) error{
		"heartbeat": func(l *ledger, c *staging.Claim) error { return c.Heartbeat(l.ctx) },
		"expect":    func(l *ledger, c *staging.Claim) error { return c.Expect(l.ctx, instances("1.2.1", 9)) },
		"save":      func(l *ledger, c *staging.Claim) error { return c.Save(l.ctx, instances("1.2.1", 9)) },
		"advance": func(l *ledger, c *staging.Claim) error {
			return c.Advance(l.ctx, staging.Delivering, instances("1.2.1", 9)...)
		},
		"finish": func(l *ledger, c *staging.Claim) error { return c.Finish(l.ctx) },
		"fail":   func(l *ledger, c *staging.Claim) error { return c.Fail(l.ctx, staging.Data, "x") },
		"return": func(l *ledger, c *staging.Claim) error { return c.Return(l.ctx, "", "", 0, false) },
		"skip":   func(l *ledger, c *staging.Claim) error { return c.Skip(l.ctx, "x") },
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, l *ledger) {
				l.stage(t, study(1))
				lost := l.claim(t, "1.2.1")
				l.pass(lease + time.Second)
				if n, err := l.Reclaim(l.ctx, "node-2", false); n != 1 || err != nil {
					t.Fatalf("%d reclaimed, %v", n, err)
				}
				holder := l.claim(t, "1.2.1") // the same node, and still another hold
				before, _ := l.study(t, "1.2.1")
				mustBe(t, write(l, lost), staging.ErrLeaseLost)
				after, items := l.study(t, "1.2.1")
				if diff := cmp.Diff(before, after); diff != "" || len(items) > 0 {
					t.Errorf("it wrote: %s %v", diff, items)
				}
				must(t, holder.Heartbeat(l.ctx))
			})
		})
	}
}

func TestAHeartbeatKeepsTheHold(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		for range 5 {
			l.pass(lease - time.Second)
			must(t, c.Heartbeat(l.ctx))
			if n, err := l.Reclaim(l.ctx, "node-2", false); n != 0 || err != nil {
				t.Fatalf("%d reclaimed, %v", n, err)
			}
		}
	})
}

func TestReclaim(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1), study(2), study(3))
		l.claim(t, "1.2.1") // feeds all three
		s2, _ := l.study(t, "1.2.2")
		_, err := l.Claim(l.ctx, s2.ID, "node-2", lease)
		must(t, err)
		if n, err := l.Reclaim(l.ctx, node, true); n != 2 || err != nil {
			t.Fatalf("%d reclaimed of the node that starts again, %v", n, err)
		}
		s1, _ := l.study(t, "1.2.1")
		s2, _ = l.study(t, "1.2.2")
		if s1.State != staging.ToMigrate || s1.Attempts != 0 || s1.SoftTries != 1 || s2.State != staging.Collecting {
			t.Errorf("they are %+v and %+v", s1, s2)
		}
		l.audit(t)
	})
}

func TestExpireCutsOffWhoWorksForTooLong(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		c := l.claim(t, "1.2.1")
		for range 3 {
			l.pass(50 * time.Second)
			must(t, c.Heartbeat(l.ctx))
		}
		if n, err := l.Expire(l.ctx, time.Hour); n != 0 || err != nil {
			t.Errorf("%d expired, %v", n, err)
		}
		if n, err := l.Expire(l.ctx, 2*time.Minute); n != 1 || err != nil {
			t.Errorf("%d expired, %v", n, err)
		}
		mustBe(t, c.Heartbeat(l.ctx), staging.ErrLeaseLost)
		if s, _ := l.study(t, "1.2.1"); s.State != staging.ToMigrate || s.Attempts != 1 || s.Class != staging.Timeout {
			t.Errorf("it is %+v", s)
		}
	})
}

// Two processes with four workers each race for the same studies.
func TestRacingWorkersClaimEachStudyOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		const studies = 24
		l.stage(t, batch(0, studies)...)
		l.feed(t, staging.FeedOptions{})
		var ids []int64
		for s, err := range l.Studies(l.ctx, staging.Scope{}) {
			must(t, err)
			ids = append(ids, s.ID)
		}
		var claimed atomic.Int32
		work := func(process *ledger) {
			for _, id := range ids {
				c, err := process.Claim(l.ctx, id, node, lease)
				if err != nil {
					continue
				}
				claimed.Add(1)
				if err := process.migrate(c, instances(c.Study().UID, 3)); err != nil {
					t.Error(err)
				}
			}
		}
		var all sync.WaitGroup
		for _, process := range []*ledger{l, openLedger(t, l.url)} {
			for range 4 {
				all.Go(func() { work(process) })
			}
		}
		all.Wait()
		status, err := l.Status(l.ctx, staging.Scope{})
		if err != nil || claimed.Load() != studies || status.Studies.Migrated != studies {
			t.Errorf("%d claims; %+v, %v", claimed.Load(), status.Studies, err)
		}
		l.audit(t)
	})
}
