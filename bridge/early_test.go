package bridge_test

import (
	"sync"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// heldUntil keeps the archive that sends back with its n-th instance until the event
// has happened, and tells whether it had.
func heldUntil(n int, event <-chan struct{}, happened *bool) dimsetest.Pick {
	var mu sync.Mutex
	sent := 0
	return func(string, int) bool {
		mu.Lock()
		defer mu.Unlock()
		if sent++; sent == n {
			select {
			case <-event:
				*happened = true
			case <-time.After(patience):
			}
		}
		return false
	}
}

func TestEarlyDeliveryBeginsBeforeTheStudyIsWhole(t *testing.T) {
	x := cross(t, 0)
	check(t, x.old.Add(dimsetest.Study(7, dimsetest.StudyOptions{Date: "20260105", Instances: 5})...))
	x.migrator.Early = true
	stored := make(chan struct{})
	var once sync.Once
	x.new.SetFaults(dimsetest.Faults{Store: dimsetest.StoreFaults{Status: func(string, int) dimse.Status {
		once.Do(func() { close(stored) })
		return dimse.StatusSuccess
	}}})
	var early bool
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: heldUntil(5, stored, &early)}})
	check(t, x.run())
	x.wantAll()
	if !early {
		t.Error("nothing was at NEW when OLD was about to send its last instance")
	}
}

// What went ahead of a study that stays incomplete is at NEW, and the ledger knows.
func TestEarlyDeliveryOfAnIncompleteStudyIsOnTheBooks(t *testing.T) {
	x := cross(t, 0)
	check(t, x.old.Add(dimsetest.Study(8, dimsetest.StudyOptions{Date: "20260105", Instances: 5})...))
	x.migrator.Early = true
	withheld := x.old.Instances()[4].SOPInstance
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(withheld)}})
	check(t, x.run())
	x.wantFailed(staging.Incomplete, withheld)
	x.wantNoLie()
	failed := must(x.db.Failed(t.Context(), staging.Scope{}))(t)
	if ahead := len(x.new.Instances()); len(failed) != 1 || ahead == 0 || len(failed[0].LeftBehind) != ahead {
		t.Errorf("failed %+v, NEW holds %d; want those that went ahead named", failed, ahead)
	}
	x.old.SetFaults(dimsetest.Faults{})
	check(t, x.run())
	x.wantAll()
}
