package bridge_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// takesStock gives the crossing a node of its own name that takes windows, so many at
// once. It returns where that node tells how an inventory ended.
func (x *crossing) takesStock(node string, windows int) <-chan error {
	x.t.Helper()
	ended := make(chan error, 1)
	stock := bridge.Stocktaker{Inventory: *x.stock, Ledger: x.db, OnEnded: func(_ int64, err error) { ended <- err }}
	stock.Inventory.Node = node
	ringing := func(work func(context.Context, int64) error) func(context.Context, int64) error {
		return func(ctx context.Context, id int64) error {
			defer x.feeder.Ring()
			return work(ctx, id)
		}
	}
	queue := must(staging.NewQueue(x.db, staging.QueueOptions{
		Windows: windows, Window: ringing(stock.Window), End: ringing(stock.End), Logger: slog.New(slog.DiscardHandler),
		Work: func(context.Context, int64) error { return nil }}))(x.t)
	check(x.t, queue.Start(context.Background()))
	x.t.Cleanup(func() { check(x.t, queue.Stop(context.Background())) })
	return ended
}

// ordered feeds the windows of an order for January until the test ends.
func (x *crossing) ordered() {
	x.t.Helper()
	x.feeder.Open = func(time.Time) bool { return false } // no studies
	must(x.db.SubmitOrder(x.t.Context(), staging.Scope{From: "2026-01-01", To: "2026-01-31"}))(x.t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.feeder.Run(ctx) }()
	x.t.Cleanup(func() {
		stop()
		check(x.t, <-ended)
	})
}

// Windows that nodes take apart from one another find as much as one that takes them in
// turn, whatever OLD does to its answers.
func TestWindowsTakenApartFindEverything(t *testing.T) {
	tests := []struct {
		name         string
		days, perDay int
		faults       dimsetest.FindFaults
	}{
		{"no limit", 3, 11, dimsetest.FindFaults{}},
		{"a silent limit, a round number", 2, 33, dimsetest.FindFaults{Limit: 20}},
		{"a silent limit, a number that comes again", 9, 23, dimsetest.FindFaults{Limit: 13}},
		{"A700 after some answers", 2, 33, dimsetest.FindFaults{Limit: 7, LimitStatus: dimse.StatusOutOfResources}},
		{"dates are ignored", 3, 11, dimsetest.FindFaults{IgnoreDates: true}},
		{"dates are ignored and there is a limit", 3, 12, dimsetest.FindFaults{IgnoreDates: true, Limit: 20}},
		{"busy at first", 1, 5, dimsetest.FindFaults{Refuse: dimsetest.RefuseFirst(2, dimse.StatusOutOfResources)}},
		{"fails until the end of the inventory", 2, 5, dimsetest.FindFaults{Refuse: dimsetest.RefuseFirst(3, 0xC001)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 0)
			busyDays(x, tt.days, tt.perDay)
			finds(tt.faults)(x)
			var err error
			a, b := x.takesStock("a", 2), x.takesStock("b", 2)
			x.ordered()
			select {
			case err = <-a:
			case err = <-b:
			case <-time.After(time.Minute):
				t.Fatal("the inventory does not end")
			}
			check(t, err)
			if diff := cmp.Diff(studiesOf(x.old), x.staged()); diff != "" {
				t.Errorf("staged differs from OLD (-old +staged):\n%s", diff)
			}
			for _, w := range must(x.db.Windows(t.Context(), january(1), january(32)))(t) {
				if w.State != staging.WindowDone || !w.FindDone {
					t.Errorf("window %s is %s", w.From.Format(time.DateOnly), w.State)
				}
			}
			check(t, x.db.Audit(t.Context()))
		})
	}
}

// Two windows are answered with the same number, the highest there is, at the same
// moment: neither job can know of the other, but the end of the inventory does.
func TestALimitThatTwoJobsMeetAtOnceIsFound(t *testing.T) {
	x := cross(t, 0)
	busyDay(x, 1, 23) // of the first two jobs the first windows
	busyDay(x, 9, 23)
	var asked atomic.Int32
	both := make(chan struct{})
	finds(dimsetest.FindFaults{Limit: 13, Edit: func(rows []*dataset.Dataset) []*dataset.Dataset {
		if asked.Add(1) == 2 {
			close(both)
		}
		<-both
		return rows
	}})(x)
	ended := x.takesStock("a", 2)
	x.ordered()
	check(t, <-ended)
	if diff := cmp.Diff(studiesOf(x.old), x.staged()); diff != "" {
		t.Errorf("staged differs from OLD (-old +staged):\n%s", diff)
	}
}

// What is wrong with an inventory is known when it ends, and noted in its order.
func TestAnInventoryByJobsThatCannotBeCompleteFails(t *testing.T) {
	x := cross(t, 2)
	finds(dimsetest.FindFaults{Refuse: dimsetest.RefuseFirst(always, 0xC001)})(x)
	ended := x.takesStock("a", 1)
	x.ordered()
	if err := <-ended; err == nil {
		t.Error("the inventory succeeded")
	}
	if n := x.old.Counts().Finds; n != 2*4 {
		t.Errorf("%d queries, want three of a window and three at the end, each with one whether others are answered", n)
	}
}

// A window job that comes twice does nothing, and one that is told to stop gives its
// window back.
func TestAWindowJobThatComesTwiceDoesNothing(t *testing.T) {
	x := cross(t, 3)
	stock := bridge.Stocktaker{Inventory: *x.stock, Ledger: x.db}
	id := must(x.db.SubmitOrder(t.Context(), staging.Scope{From: "2026-01-01", To: "2026-01-31"}))(t)
	order := must(x.db.Order(t.Context(), id))(t)
	check(t, x.db.PlanOrder(t.Context(), order, []staging.Span{{From: january(1), To: january(32)}}))
	window := must(x.db.Windows(t.Context(), january(1), january(32)))(t)[0].ID
	stopping, stop := context.WithCancel(t.Context())
	stop()
	check(t, stock.Window(stopping, window))
	for range 3 {
		check(t, stock.Window(t.Context(), window))
	}
	if n := x.old.Counts().Finds; n != 1 || len(x.staged()) != 3 {
		t.Errorf("%d queries, %d studies staged", n, len(x.staged()))
	}
}
