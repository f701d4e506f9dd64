package bridge_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// disk is that of a spool; it can be full.
type disk struct {
	full  atomic.Bool
	asked atomic.Int32 // times somebody wanted room on it while it was full
}

func (d *disk) room() (free, size int64, err error) {
	const size1GB = 1 << 30
	if d.full.Load() {
		d.asked.Add(1)
		return 0, size1GB, nil
	}
	return size1GB, size1GB, nil
}

// A disk that is full for a while costs no study an attempt: the sender hears A700,
// nothing else is fetched, and when there is room everything goes on.
func TestAFullDiskIsWaitedForAndNothingIsLost(t *testing.T) {
	x := cross(t, 6)
	big := dimsetest.Study(5, dimsetest.StudyOptions{Date: "20260115", Instances: 3, Rows: 1024}) // more than the spool's memory
	check(t, x.old.Add(big...))
	x.disk.full.Store(true)
	ended := make(chan error, 1)
	go func() { ended <- x.run() }()
	for x.disk.asked.Load() < 4 { // it was found full, waited for, and tried again
		select {
		case err := <-ended:
			t.Fatalf("the run ended on a full disk: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	if use := x.migrator.Spool.Usage(); use.Disk != 0 {
		t.Errorf("a partial file is taken for a whole one: %+v", use)
	}
	x.disk.full.Store(false)
	check(t, <-ended)
	allAtFirstAttempt(x)
}

func TestASenderHearsThatTheDiskIsFull(t *testing.T) {
	x := cross(t, 0)
	x.disk.full.Store(true)
	big := dimsetest.Study(6, dimsetest.StudyOptions{Instances: 1, Rows: 1024})[0]
	arrivals := x.inbox.Expect(big.StudyUID, nil)
	defer arrivals.Close()
	dialer := dimse.Dialer{Address: x.address, CallingAE: "OLDPACS", CalledAE: ourAE}
	a := must(dialer.Dial(t.Context(), []dimse.Proposal{{SOPClass: big.SOPClass, TransferSyntaxes: []string{big.TransferSyntax}}}))(t)
	send := func() error {
		_, err := a.Store(t.Context(), dimse.StoreRequest{SOPClass: big.SOPClass, SOPInstance: big.SOPInstance,
			TransferSyntax: big.TransferSyntax, Data: big.Reader(), Size: big.Size})
		return err
	}
	var answer *dimse.StatusError
	if err := send(); !errors.As(err, &answer) || answer.Status != dimse.StatusOutOfResources {
		t.Errorf("the sender heard %v, want A700", err)
	}
	if n := len(arrivals.Got()); n != 0 {
		t.Errorf("%d instances count as arrived", n)
	}
	x.disk.full.Store(false)
	check(t, send())
	if n := len(arrivals.Got()); n != 1 {
		t.Errorf("%d instances arrived when there was room again", n)
	}
	check(t, a.Release(t.Context()))
}

// What cannot be noted is not taken in: the sender hears A700, nothing else is fetched,
// and when the ledger can be written again everything goes on.
func TestAFullLedgerIsWaitedForAndTheSenderHearsOfIt(t *testing.T) {
	x := cross(t, 6)
	x.migrator.Patience.Limit = time.Minute
	var full atomic.Bool
	var refused atomic.Int32
	full.Store(true)
	x.inbox.Ledger = func() error {
		if !full.Load() {
			return nil
		}
		refused.Add(1)
		return staging.ErrFull
	}
	ended := make(chan error, 1)
	go func() { ended <- x.run() }()
	x.eventually("instances are refused", func() bool { return refused.Load() >= 4 })
	if n := x.new.Counts().Stores; n != 0 {
		t.Errorf("%d instances were delivered", n)
	}
	if use := x.migrator.Spool.Usage(); use.Disk+use.Memory != 0 {
		t.Errorf("something was taken in: %+v", use)
	}
	full.Store(false)
	check(t, <-ended)
	allAtFirstAttempt(x)
}
