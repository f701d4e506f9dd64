package staging_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pacsbridge/staging"
)

// patience is how long a test waits for what should come at once, on a machine
// that is busy.
const patience = time.Minute

func startQueue(t testing.TB, l *ledger, o staging.QueueOptions) *staging.Queue {
	t.Helper()
	q, err := staging.NewQueue(l.DB, o)
	must(t, err)
	must(t, q.Start(l.ctx))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		must(t, q.Stop(ctx))
	})
	return q
}

func TestTheQueueWorksEverythingOnceAndDepartmentsBesideEachOther(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		const studies = 30
		var all []staging.Study
		for i := range studies {
			s := study(i)
			s.Department = []string{"RAD", "放射科", "nobody's"}[i%3]
			all = append(all, s)
		}
		l.stage(t, all...)
		var mu sync.Mutex
		busy, most, seen := map[string]int{}, map[string]int{}, map[int64]int{}
		finished := make(chan struct{}, studies)
		startQueue(t, l, staging.QueueOptions{
			Departments: []staging.Department{{Name: "RAD", Workers: 3}, {Name: "放射科", Workers: 1}, {Name: "*", Workers: 2}},
			Work: func(ctx context.Context, id int64) error {
				c, err := l.Claim(ctx, id, node, lease)
				if err != nil {
					return err
				}
				d := c.Study().Department
				mu.Lock()
				seen[id]++
				busy[d]++
				most[d] = max(most[d], busy[d])
				mu.Unlock()
				err = l.migrate(c, instances(c.Study().UID, 1))
				mu.Lock()
				busy[d]--
				mu.Unlock()
				finished <- struct{}{}
				return err
			},
		})
		deadline := time.After(patience)
		for n := 0; n < studies; {
			l.feed(t, staging.FeedOptions{Room: 12, Departments: []string{"RAD", "放射科"}})
			select {
			case <-finished:
				n++
			case <-deadline:
				t.Fatalf("%d of %d studies were worked", n, studies)
			}
		}
		status, err := l.Status(l.ctx, staging.Scope{})
		if err != nil || status.Studies.Migrated != studies || len(seen) != studies {
			t.Errorf("status is %+v, %v", status, err)
		}
		for d, limit := range map[string]int{"RAD": 3, "放射科": 1, "nobody's": 2} {
			if most[d] > limit {
				t.Errorf("%d of %s at once", most[d], d)
			}
		}
		l.audit(t)
	})
}

// A worker that becomes free takes the next study at once: polling alone would
// leave seconds between them.
func TestAFreeWorkerTakesTheNextStudyAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		const studies = 40
		for i := range studies {
			l.stage(t, study(i))
		}
		l.feed(t, staging.FeedOptions{})
		var worked atomic.Int32
		finished := make(chan struct{})
		begun := time.Now()
		startQueue(t, l, staging.QueueOptions{Work: func(context.Context, int64) error {
			if worked.Add(1) == studies {
				close(finished)
			}
			return nil
		}})
		select {
		case <-finished:
		case <-time.After(patience):
			t.Fatalf("%d studies were worked", worked.Load())
		}
		if took := time.Since(begun); took > studies*400*time.Millisecond {
			t.Errorf("%d empty studies took one worker %v", studies, took)
		}
	})
}

func TestStopCancelsWorkAndWaitsForIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1), study(2))
		l.feed(t, staging.FeedOptions{})
		working := make(chan struct{}, 2)
		var returned atomic.Bool
		q := startQueue(t, l, staging.QueueOptions{Work: func(ctx context.Context, id int64) error {
			c, err := l.Claim(ctx, id, node, lease)
			if err != nil {
				return err
			}
			working <- struct{}{}
			<-ctx.Done()
			err = c.Return(context.WithoutCancel(ctx), "", "the run was stopped", 0, true)
			returned.Store(true)
			return err
		}})
		<-working
		begun := time.Now()
		ctx, cancel := context.WithTimeout(l.ctx, patience)
		defer cancel()
		must(t, q.Stop(ctx))
		if took := time.Since(begun); !returned.Load() || took > patience/2 {
			t.Errorf("stop took %v; work returned: %v", took, returned.Load())
		}
		status, err := l.Status(l.ctx, staging.Scope{})
		if err != nil || status.Studies.ToMigrate != 1 || status.Studies.Queued != 1 {
			t.Errorf("status is %+v, %v", status.Studies, err)
		}
		must(t, q.Stop(ctx)) // once more is no error
	})
}

func TestErrorsAndPanicsOfWorkDoNotStopTheQueue(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1), study(2), study(3))
		l.feed(t, staging.FeedOptions{})
		worked := make(chan struct{}, 3)
		var n atomic.Int32
		startQueue(t, l, staging.QueueOptions{Work: func(context.Context, int64) error {
			defer func() { worked <- struct{}{} }()
			switch n.Add(1) {
			case 1:
				return errors.New("broken")
			case 2:
				panic("a bug")
			}
			return nil
		}})
		for i := range 3 {
			select {
			case <-worked:
			case <-time.After(patience):
				t.Fatalf("%d studies were worked", i)
			}
		}
	})
}

func TestJobsOfADeadProcessAreHarmless(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1), study(2))
		for range 3 { // three processes feed and die
			l.feed(t, staging.FeedOptions{})
			if _, err := l.Reclaim(l.ctx, node, true); err != nil {
				t.Fatal(err)
			}
		}
		l.feed(t, staging.FeedOptions{})
		var claimed, refused atomic.Int32
		worked := make(chan struct{}, 8)
		startQueue(t, l, staging.QueueOptions{Work: func(ctx context.Context, id int64) error {
			defer func() { worked <- struct{}{} }()
			if _, err := l.Claim(ctx, id, node, lease); errors.Is(err, staging.ErrNotClaimable) {
				refused.Add(1)
			} else if err == nil {
				claimed.Add(1)
			}
			return nil
		}})
		for range 8 {
			select {
			case <-worked:
			case <-time.After(patience):
				t.Fatal("jobs are missing")
			}
		}
		if claimed.Load() != 2 || refused.Load() != 6 {
			t.Errorf("%d claimed, %d refused", claimed.Load(), refused.Load())
		}
	})
}

func TestQueueOptionsAreChecked(t *testing.T) {
	l := openLedger(t, engines["sqlite"](t))
	work := func(context.Context, int64) error { return nil }
	for i, o := range []staging.QueueOptions{
		{},
		{Work: work, Departments: []staging.Department{{Name: "RAD"}}},
	} {
		if _, err := staging.NewQueue(l.DB, o); err == nil {
			t.Errorf("options %d were taken", i)
		}
	}
}
