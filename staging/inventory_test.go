package staging_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pacsbridge/staging"
)

var january = staging.Scope{From: "2026-01-01", To: "2026-01-03"}

// windows are all of January, and states how they stand.
func (l *ledger) windows(t testing.TB) []staging.Window {
	t.Helper()
	windows, err := l.Windows(l.ctx, day(1), day(32))
	must(t, err)
	return windows
}

func (l *ledger) states(t testing.TB) string {
	t.Helper()
	var states []string
	for _, w := range l.windows(t) {
		states = append(states, string(w.State))
	}
	return strings.Join(states, " ")
}

func (l *ledger) wantStates(t testing.TB, want string) {
	t.Helper()
	if got := l.states(t); got != want {
		t.Errorf("the windows are %s, want %s", got, want)
	}
}

// order submits an order for the first three days of January, and plans it.
func (l *ledger) order(t testing.TB) staging.Order {
	t.Helper()
	id, err := l.SubmitOrder(l.ctx, january)
	must(t, err)
	l.plan(t, id)
	return l.orderNow(t, id)
}

func (l *ledger) plan(t testing.TB, id int64) {
	t.Helper()
	must(t, l.PlanOrder(l.ctx, l.orderNow(t, id), []staging.Span{{From: day(1), To: day(2)}, {From: day(2), To: day(3)}, {From: day(3), To: day(4)}}))
}

func (l *ledger) orderNow(t testing.TB, id int64) staging.Order {
	t.Helper()
	o, err := l.Order(l.ctx, id)
	must(t, err)
	return o
}

func (l *ledger) feedWindows(t testing.TB, o staging.Order) int {
	t.Helper()
	n, err := l.FeedWindows(l.ctx, o, staging.WindowFeed{Node: node, Jobs: 2, Chunk: 2})
	must(t, err)
	return n
}

func (l *ledger) wantLeft(t testing.TB, o staging.Order, want int) {
	t.Helper()
	n, err := l.WindowsLeft(l.ctx, o.Scope)
	must(t, err)
	if n != want {
		t.Errorf("%d windows of %+v are left, want %d", n, o.Scope, want)
	}
}

func (l *ledger) claimWindow(t testing.TB, i int) *staging.WindowClaim {
	t.Helper()
	c, err := l.ClaimWindow(l.ctx, l.windows(t)[i].ID, node, lease)
	must(t, err)
	return c
}

func TestTheWindowsOfAnOrderAreQueuedTakenAndEnded(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		o := l.order(t)
		l.wantStates(t, "waiting waiting waiting")
		l.wantLeft(t, o, 3)
		if n, err := l.WindowsLeft(l.ctx, staging.Scope{StudyUIDs: []string{"1.2.1"}}); n != 0 || err != nil {
			t.Errorf("a study has %d windows, %v", n, err)
		}
		if n := l.feedWindows(t, o); n != 2 {
			t.Errorf("%d jobs were made, want one of two windows and one of one", n)
		}
		if n := l.feedWindows(t, o); n != 0 {
			t.Errorf("%d more jobs were made while two wait", n)
		}
		l.wantStates(t, "queued queued queued")
		for i := range 3 {
			c := l.claimWindow(t, i)
			_, err := l.ClaimWindow(l.ctx, c.Window().ID, "other", lease) // its job comes twice
			mustBe(t, err, staging.ErrNotClaimable)
			_, err = c.StageStudies(l.ctx, []staging.Study{study(i)})
			must(t, err)
			must(t, c.Finish(l.ctx, staging.FindPart, 1))
			l.wantLeft(t, o, 3-i)
			must(t, c.End(l.ctx, staging.WindowDone))
			l.wantLeft(t, o, 2-i)
			_, err = l.ClaimWindow(l.ctx, c.Window().ID, node, lease)
			mustBe(t, err, staging.ErrNotClaimable)
		}
		must(t, l.Exec(l.ctx, `DELETE FROM river_job`)) // they have ended
		_, err := l.ClaimOrder(l.ctx, o.ID, node, lease)
		mustBe(t, err, staging.ErrNotClaimable)
		if n := l.feedWindows(t, o); n != 1 || l.feedWindows(t, o) != 0 {
			t.Errorf("%d jobs were made for the end", n)
		}
		c, err := l.ClaimOrder(l.ctx, o.ID, node, lease)
		must(t, err)
		must(t, c.End(l.ctx, errors.New("OLD cuts its answers short")))
		must(t, l.FinishOrder(l.ctx, o.ID, nil))
		if o = l.orderNow(t, o.ID); o.Finished.IsZero() || !strings.HasPrefix(o.Error, "OLD cuts") || o.State != staging.OrderTaken {
			t.Errorf("in the end the order is %+v", o)
		}
		mustBe(t, l.FinishOrder(l.ctx, o.ID, nil), staging.ErrNotFound)
		l.audit(t)
	})
}

// The node that had a window in hand is suspended or dead. Another takes the window
// over, and what the first writes then goes nowhere.
func TestAWindowWhoseLeaseRanOutIsTakenOver(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		o := l.order(t)
		l.feedWindows(t, o)
		lost := l.claimWindow(t, 0)
		must(t, ignoreStaged(lost.StageStudies(l.ctx, []staging.Study{study(1)})))
		l.pass(lease - time.Second)
		must(t, lost.Heartbeat(l.ctx))
		l.pass(lease - time.Second) // what was only queued has been given back by now
		must(t, ignoreCount(l.Reclaim(l.ctx, "other", false)))
		l.wantStates(t, "working waiting waiting")
		l.pass(2 * time.Second)
		must(t, ignoreCount(l.Reclaim(l.ctx, "other", false)))
		l.wantStates(t, "waiting waiting waiting")
		must(t, l.Exec(l.ctx, `DELETE FROM river_job`))
		l.feedWindows(t, o)
		c := l.claimWindow(t, 0)
		if staged, err := c.StageStudies(l.ctx, []staging.Study{study(1), study(2)}); err != nil || staged.New != 1 || staged.Known != 1 {
			t.Errorf("what was staged before is staged again: %+v, %v", staged, err)
		}
		for what, write := range map[string]func() error{
			"studies":   func() error { return ignoreStaged(lost.StageStudies(l.ctx, []staging.Study{study(7)})) },
			"records":   func() error { return ignoreStaged(lost.StageRecords(l.ctx, "k9", nil)) },
			"part":      func() error { return lost.Finish(l.ctx, staging.FindPart, 1) },
			"heartbeat": func() error { return lost.Heartbeat(l.ctx) },
			"end":       func() error { return lost.End(l.ctx, staging.WindowDone) },
			"leave":     func() error { return lost.LeaveAll(l.ctx) },
		} {
			if err := write(); !errors.Is(err, staging.ErrLeaseLost) {
				t.Errorf("%s written after the lease was lost: %v", what, err)
			}
		}
		must(t, c.End(l.ctx, staging.WindowDone))
		if _, _, err := l.Study(l.ctx, "1.2.7"); !errors.Is(err, staging.ErrNotFound) {
			t.Errorf("the lost claim staged a study: %v", err)
		}
	})
}

func ignoreStaged(_ staging.Staged, err error) error { return err }

func ignoreCount(_ int, err error) error { return err }

// The node that brings an inventory to its end dies, and another does it.
func TestTheEndOfAnInventoryIsTakenOver(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		o := l.order(t)
		l.feedWindows(t, o)
		must(t, l.claimWindow(t, 0).LeaveAll(l.ctx))
		l.wantStates(t, "left left left")
		l.feedWindows(t, o)
		lost, err := l.ClaimOrder(l.ctx, o.ID, node, lease)
		must(t, err)
		must(t, ignoreCount(l.Reclaim(l.ctx, node, true))) // it starts again
		l.feedWindows(t, o)
		c, err := l.ClaimOrder(l.ctx, o.ID, "other", lease)
		must(t, err)
		mustBe(t, lost.End(l.ctx, nil), staging.ErrLeaseLost)
		must(t, c.Return(l.ctx)) // it is told to stop
		l.feedWindows(t, o)
		c, err = l.ClaimOrder(l.ctx, o.ID, node, lease)
		must(t, err)
		must(t, c.End(l.ctx, nil))
		if o = l.orderNow(t, o.ID); o.State != staging.OrderTaken || o.Error != "" {
			t.Errorf("the order is %+v", o)
		}
	})
}

func TestAnInterruptedInventoryGoesOnAndAFinishedOneBeginsAnew(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		first := l.order(t)
		c := l.claimWindow(t, 0)
		must(t, c.Finish(l.ctx, staging.FindPart, 12))
		must(t, c.End(l.ctx, staging.WindowDone))
		must(t, l.claimWindow(t, 1).End(l.ctx, staging.WindowLeft))
		learn := func(inventory int64, more string) {
			t.Helper()
			must(t, l.Learn(l.ctx, inventory, func(known string) (string, error) { return known + more, nil }))
		}
		learn(c.Window().Inventory, "a")
		learn(c.Window().Inventory, "b")
		must(t, l.FinishOrder(l.ctx, first.ID, errors.New("interrupted")))
		l.order(t)
		l.wantStates(t, "done waiting waiting")
		if known, err := l.Knowledge(l.ctx, january); known != "ab" || err != nil {
			t.Errorf("known is %q, %v", known, err)
		}
		if w := l.windows(t)[0]; w.Answers != 12 || !w.FindDone {
			t.Errorf("the first window is %+v", w)
		}
		must(t, l.FinishInventory(l.ctx, january))
		must(t, l.FinishInventory(l.ctx, january)) // by another node
		held := l.claimWindow(t, 1)
		l.order(t)
		l.wantStates(t, "waiting waiting waiting")
		mustBe(t, held.Heartbeat(l.ctx), staging.ErrLeaseLost) // what it asked for was asked before the order
		if w := l.windows(t)[0]; w.Answers != -1 || w.FindDone {
			t.Errorf("of a new run the first window is %+v", w)
		}
		if known, err := l.Knowledge(l.ctx, january); known != "" || err != nil {
			t.Errorf("known of a new run is %q, %v", known, err)
		}
	})
}

// An order for some days must not lose the windows that one before waits for.
func TestOrdersShareTheirWindows(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		o := l.order(t)
		l.feedWindows(t, o)
		id, err := l.SubmitOrder(l.ctx, staging.Scope{From: "2026-01-02", To: "2026-01-08"})
		must(t, err)
		must(t, l.PlanOrder(l.ctx, l.orderNow(t, id), []staging.Span{{From: day(2), To: day(9)}}))
		l.wantStates(t, "queued queued waiting queued")
		windows := l.windows(t)
		for i := range windows {
			if i == 2 { // the week
				continue
			}
			c, err := l.ClaimWindow(l.ctx, windows[i].ID, node, lease)
			must(t, err)
			must(t, c.End(l.ctx, staging.WindowDone))
		}
		must(t, l.Exec(l.ctx, `DELETE FROM river_job`))
		if n := l.feedWindows(t, o); n != 1 || l.orderNow(t, o.ID).State != staging.OrderTaking {
			t.Errorf("%d jobs, the order is %+v; the week is to be taken first", n, l.orderNow(t, o.ID))
		}
	})
}

func TestWindowsAreMadeOnceAndHeldByOne(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		c, err := l.TakeWindow(l.ctx, day(1), day(2), node, lease)
		must(t, err)
		_, err = l.TakeWindow(l.ctx, day(1), day(2), "other", lease)
		mustBe(t, err, staging.ErrNotClaimable)
		if _, err := l.TakeWindow(l.ctx, day(2), day(2), node, lease); err == nil {
			t.Error("an empty window was taken")
		}
		if err := c.Finish(l.ctx, "roof", 0); err == nil {
			t.Error("an unknown part was finished")
		}
		must(t, ignoreStaged(c.StageRecords(l.ctx, "k7", nil)))
		l.pass(2 * lease)
		other, err := l.TakeWindow(l.ctx, day(1), day(2), "other", lease)
		must(t, err)
		mustBe(t, c.Heartbeat(l.ctx), staging.ErrLeaseLost)
		if w := other.Window(); w.RecordCursor != "k7" || w.ID != c.Window().ID || !w.From.Equal(day(1)) || !w.To.Equal(day(2)) {
			t.Errorf("the other has %+v", w)
		}
	})
}

// open are the numbers of the open orders.
func (l *ledger) open(t testing.TB) string {
	t.Helper()
	orders, err := l.OpenOrders(l.ctx)
	must(t, err)
	var ids []int64
	for _, o := range orders {
		ids = append(ids, o.ID)
	}
	return strings.Trim(fmt.Sprint(ids), "[]")
}

func TestAnOrderEndsWithItsOwner(t *testing.T) {
	named := staging.Scope{Undated: true, StudyUIDs: []string{"1.2"}}
	eachEngine(t, func(t *testing.T, l *ledger) {
		ours, err := l.SubmitOrder(l.ctx, january)
		must(t, err)
		first, err := l.SubmitOwnOrder(l.ctx, named, "a", lease)
		must(t, err)
		again, err := l.SubmitOwnOrder(l.ctx, named, "a", lease) // a died and was started again
		must(t, err)
		l.pass(lease - time.Second)
		must(t, l.KeepOrder(l.ctx, again, lease))
		l.pass(lease - time.Second)
		if got, want := l.open(t), fmt.Sprint(ours, again); got != want {
			t.Errorf("while its owner lives open are %s, want %s", got, want)
		}
		l.pass(2 * time.Second)
		if got := l.open(t); got != fmt.Sprint(ours) {
			t.Errorf("after the death of the owner open are %s", got)
		}
		must(t, ignoreCount(l.Reclaim(l.ctx, node, false)))
		if o := l.orderNow(t, again); o.Finished.IsZero() || !o.Abandoned() {
			t.Errorf("the order of the dead is %+v", o)
		}
		if o := l.orderNow(t, first); o.Finished.IsZero() || o.Abandoned() {
			t.Errorf("the order that was withdrawn is %+v", o)
		}
		mustBe(t, l.KeepOrder(l.ctx, again, lease), staging.ErrNotFound)
	})
}

func TestAnOrderOfNamedStudiesHasNoInventory(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		id, err := l.SubmitOrder(l.ctx, staging.Scope{Undated: true, StudyUIDs: []string{"1.2"}})
		must(t, err)
		must(t, l.PlanOrder(l.ctx, l.orderNow(t, id), nil))
		if o := l.orderNow(t, id); o.State != staging.OrderTaken || len(o.Scope.StudyUIDs) != 1 || !o.Scope.Undated {
			t.Errorf("the order is %+v", o)
		}
		_, err = l.Order(l.ctx, 99)
		mustBe(t, err, staging.ErrNotFound)
	})
}
