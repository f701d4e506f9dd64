package staging_test

import (
	"testing"
	"time"

	"pacsbridge/staging"
)

// delivered is a study that is delivered and waits for its proof for ten seconds.
func (l *ledger) delivered(t testing.TB, uid string) (parked *staging.Claim) {
	t.Helper()
	c := l.claim(t, uid)
	must(t, c.Expect(l.ctx, instances(uid, 2)))
	must(t, c.Advance(l.ctx, staging.Delivering))
	must(t, c.Advance(l.ctx, staging.Verifying))
	items := instances(uid, 2)
	for i := range items {
		items[i].Received, items[i].Stored = true, true
	}
	must(t, c.Park(l.ctx, 10*time.Second, items...))
	return c
}

// The node that delivered a study dies; another proves it.
func TestAStudyThatWaitsForItsProofIsProvenByAnyNode(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		parked := l.delivered(t, "1.2.1")
		mustBe(t, parked.Heartbeat(l.ctx), staging.ErrLeaseLost)
		feed := func(want int) {
			t.Helper()
			if n, err := l.FeedVerifications(l.ctx); n != want || err != nil {
				t.Errorf("%d jobs were made, want %d, %v", n, want, err)
			}
		}
		feed(0) // it is not the time
		if n, err := l.Reclaim(l.ctx, node, true); n != 0 || err != nil {
			t.Errorf("%d studies were taken back when the node was started again, %v", n, err)
		}
		l.pass(11 * time.Second)
		feed(1)
		feed(0)
		must(t, l.Exec(l.ctx, `UPDATE river_job SET state = 'running'`))
		l.pass(11 * time.Second) // the job died with a process
		feed(1)
		s, items := l.study(t, "1.2.1")
		if s.State != staging.Verifying || !items[1].Stored || s.Attempts != 1 {
			t.Errorf("it waits as %+v", s)
		}
		c, err := l.ClaimVerification(l.ctx, s.ID, "other", lease)
		must(t, err)
		_, err = l.ClaimVerification(l.ctx, s.ID, node, lease)
		mustBe(t, err, staging.ErrNotClaimable)
		if waited := c.Unproven(); waited != 22*time.Second || c.Study().Attempts != 1 {
			t.Errorf("it waited %v, with attempt %d", waited, c.Study().Attempts)
		}
		must(t, c.Finish(l.ctx, done(items)...))
		l.audit(t)
	})
}

// Nobody has time for it, such as while NEW answers slowly and thousands wait.
func TestAStudyThatWaitsForAWorkerHasOneJob(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		l.delivered(t, "1.2.1")
		for range 12 {
			l.pass(11 * time.Second)
			_, err := l.FeedVerifications(l.ctx)
			must(t, err)
			_, err = l.Reclaim(l.ctx, node, false)
			must(t, err)
		}
		jobs, err := l.Int(l.ctx, `SELECT count(*) FROM river_job WHERE kind = 'verification'`)
		must(t, err)
		if s, _ := l.study(t, "1.2.1"); jobs != 1 || s.State != staging.Verifying {
			t.Errorf("%d jobs were made for a study that is %s", jobs, s.State)
		}
		l.audit(t)
	})
}

func TestAStudyWhoseProofNobodyLooksForGoesBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1), study(2))
		l.delivered(t, "1.2.1")
		must(t, l.Hasten(l.ctx, "1.2.1")) // its commitment has come
		if n, err := l.FeedVerifications(l.ctx); n != 1 || err != nil {
			t.Errorf("%d jobs were made, %v", n, err)
		}
		l.pass(2 * time.Minute)
		if n, err := l.Reclaim(l.ctx, "other", false); n == 0 || err != nil {
			t.Errorf("%d studies were taken back, %v", n, err)
		}
		s, _ := l.study(t, "1.2.1")
		if s.State != staging.ToMigrate {
			t.Errorf("the study is %+v", s)
		}
		_, err := l.ClaimVerification(l.ctx, s.ID, node, lease)
		mustBe(t, err, staging.ErrNotClaimable)
		if c := l.claim(t, "1.2.1"); !c.Study().VerifyingSince.IsZero() {
			t.Errorf("another attempt begins as %+v", c.Study())
		}
		c := l.claim(t, "1.2.2")
		if err := c.Park(l.ctx, time.Second); err == nil {
			t.Error("a study was parked that is not delivered")
		}
		l.audit(t)
	})
}
