package bridge_test

import (
	"sync/atomic"
	"testing"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// eventually waits until something is so.
func (x *crossing) eventually(what string, so func() bool) {
	x.t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-deadline.C:
			x.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// NEW takes its time to list what it has stored. Three workers deliver all studies
// meanwhile, and each is proven without being sent again.
func TestWhatNewListsLateHoldsNoWorker(t *testing.T) {
	t.Parallel()
	const studies = 7
	x := cross(t, studies)
	x.migrator.Verify.Hold, x.migrator.Verify.Patience = time.Millisecond, time.Minute
	var listed atomic.Bool
	x.new.SetFaults(dimsetest.Faults{Find: dimsetest.FindFaults{Edit: func(rows []*dataset.Dataset) []*dataset.Dataset {
		if listed.Load() {
			return rows
		}
		return nil
	}}})
	ended := make(chan error, 1)
	go func() { ended <- x.run() }()
	x.eventually("all studies wait for their proof", func() bool {
		waiting := 0
		for s, err := range x.db.Studies(t.Context(), staging.Scope{}) {
			if err == nil && s.State == staging.Verifying && !s.VerifyingSince.IsZero() {
				waiting++
			}
		}
		return waiting == studies
	})
	if use := x.migrator.Spool.Usage(); use.Memory+use.Disk != 0 {
		t.Errorf("the spool still holds %+v of them", use)
	}
	listed.Store(true)
	check(t, <-ended)
	allAtFirstAttempt(x)
	if stores, instances := x.new.Counts().Stores, len(x.old.Digests()); stores != instances {
		t.Errorf("%d instances were sent, NEW lacked %d", stores, instances)
	}
}

// What NEW does not list in all its time is sent again, by another attempt.
func TestWhatNewHasLostIsSentAgainAfterItsTime(t *testing.T) {
	t.Parallel()
	x := cross(t, 2)
	x.migrator.Verify.Hold, x.migrator.Verify.Patience = time.Millisecond, 20*time.Millisecond
	var looks atomic.Int32
	x.new.SetFaults(dimsetest.Faults{Find: dimsetest.FindFaults{Edit: func(rows []*dataset.Dataset) []*dataset.Dataset {
		if looks.Add(1) > 4 {
			return rows
		}
		return nil
	}}})
	check(t, x.run())
	x.wantAll()
}
