package staging_test

import (
	"testing"
	"time"

	"pacsbridge/staging"
)

// The disk of a SQLite ledger is full: whoever writes waits, others are told to bring
// nothing, and when there is room again all goes on by itself.
func TestAFullLedgerIsToldUntilThereIsRoom(t *testing.T) {
	l := openLedger(t, engines["sqlite"](t))
	room, err := l.FillDisk(l.ctx)
	must(t, err)
	must(t, l.Full()) // nobody has been refused yet
	written := make(chan error, 1)
	go func() {
		_, err := l.StageStudies(l.ctx, 0, batch(0, 2000))
		written <- err
	}()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for l.Full() == nil {
		select {
		case <-look.C:
		case err := <-written:
			t.Fatalf("2,000 studies were written on a full disk: %v", err)
		case <-deadline.C:
			t.Fatal("nobody is told")
		}
	}
	if status, err := l.Status(l.ctx, staging.Scope{}); err != nil || status.Studies.Found() != 0 {
		t.Errorf("meanwhile it is %+v, %v", status, err)
	}
	must(t, room())
	must(t, <-written)
	must(t, l.Full())
	if status, err := l.Status(l.ctx, staging.Scope{}); err != nil || status.Studies.ToMigrate != 2000 {
		t.Errorf("with room again it is %+v, %v", status, err)
	}
	l.audit(t)
}
