package staging_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

func TestWindowsAreMadeOnceAndLast(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		first, err := l.Window(l.ctx, day(1), day(2))
		must(t, err)
		second, err := l.Window(l.ctx, day(2), day(3))
		must(t, err)
		must(t, l.FinishWindow(l.ctx, first.ID, staging.FindPart))
		_, err = l.StageRecords(l.ctx, second.ID, "k7", nil)
		must(t, err)
		must(t, l.FinishWindow(l.ctx, second.ID, staging.RecordsPart))
		mustBe(t, l.FinishWindow(l.ctx, 99, staging.FindPart), staging.ErrNotFound)
		if err := l.FinishWindow(l.ctx, first.ID, "roof"); err == nil {
			t.Error("an unknown part was finished")
		}
		if _, err := l.Window(l.ctx, day(2), day(2)); err == nil {
			t.Error("an empty window was made")
		}
		for _, want := range []staging.Window{
			{ID: first.ID, From: day(1), To: day(2), FindDone: true},
			{ID: second.ID, From: day(2), To: day(3), RecordsDone: true, RecordCursor: "k7"},
		} {
			got, err := l.Window(l.ctx, want.From, want.To)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		_, err = l.BeginInventory(l.ctx, staging.Scope{From: "2026-01-02", To: "2026-01-02"})
		must(t, err)
		if got, _ := l.Window(l.ctx, day(2), day(3)); got.RecordsDone || got.RecordCursor != "" {
			t.Errorf("the second window is %+v", got)
		}
		if got, _ := l.Window(l.ctx, day(1), day(2)); !got.FindDone {
			t.Errorf("the first window, which is another day, is %+v", got)
		}
		_, err = l.BeginInventory(l.ctx, staging.Scope{})
		must(t, err)
		if got, _ := l.Window(l.ctx, day(1), day(2)); got.FindDone {
			t.Errorf("of an inventory of everything the first window is %+v", got)
		}
	})
}

func TestOrders(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		_, err := l.NextOrder(l.ctx, node)
		mustBe(t, err, staging.ErrNotFound)
		scope := staging.Scope{From: "2026-01-01", StudyUIDs: []string{"1.2"}, Undated: true}
		id, err := l.SubmitOrder(l.ctx, scope)
		must(t, err)
		_, err = l.SubmitOrder(l.ctx, staging.Scope{})
		must(t, err)
		must(t, l.Register(l.ctx, node, "127.0.0.1:11112"))
		o, err := l.NextOrder(l.ctx, node)
		must(t, err)
		if diff := cmp.Diff(scope, o.Scope); diff != "" || o.ID != id || o.Node != node || !o.Started.Equal(l.Now()) {
			t.Errorf("the order is %+v %s", o, diff)
		}
		must(t, l.Register(l.ctx, node, "127.0.0.1:11112")) // it died and starts again
		if o, err = l.NextOrder(l.ctx, node); err != nil || o.ID != id {
			t.Errorf("after a restart the next order is %+v, %v", o, err)
		}
		must(t, l.FinishOrder(l.ctx, id, node, errors.New("OLD is away")))
		if o, err = l.Order(l.ctx, id); err != nil || o.Error != "OLD is away" || o.Finished.IsZero() {
			t.Errorf("the order is %+v, %v", o, err)
		}
		mustBe(t, l.FinishOrder(l.ctx, 99, node, nil), staging.ErrNotFound)
		_, err = l.Order(l.ctx, 99)
		mustBe(t, err, staging.ErrNotFound)
	})
}

func TestNodes(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		live := func() string {
			n, err := l.LiveNode(l.ctx, time.Minute)
			if err != nil && !errors.Is(err, staging.ErrNotFound) {
				t.Error(err)
			}
			return n.Name + n.Address
		}
		mustBe(t, l.Beat(l.ctx, node), staging.ErrNotFound)
		must(t, l.Register(l.ctx, node, ":11112"))
		l.pass(50 * time.Second)
		if got := live(); got != node+":11112" {
			t.Errorf("alive is %q", got)
		}
		must(t, l.Beat(l.ctx, node))
		l.pass(50 * time.Second)
		if got := live(); got == "" {
			t.Error("a node that beats is not alive")
		}
		l.pass(50 * time.Second)
		if got := live(); got != "" {
			t.Errorf("%q is alive", got)
		}
		must(t, l.Beat(l.ctx, node))
		must(t, l.Leave(l.ctx, node))
		if got := live(); got != "" {
			t.Errorf("%q is alive after it left", got)
		}
	})
}

func TestOpen(t *testing.T) {
	ctx := context.Background()
	for url, want := range map[string]string{
		"postgres://u:secret@127.0.0.1:1/db": "refused",
		"postgres://u:secret@h:x/db":         "port",
		"mysql:x":                            "unknown kind",
		"":                                   "unknown kind",
		"sqlite:":                            "wants a path",
		"sqlite:/no/such/folder/x":           "no such file",
	} {
		_, err := staging.Open(ctx, staging.Options{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	junk := filepath.Join(t.TempDir(), "junk.db")
	must(t, os.WriteFile(junk, []byte(strings.Repeat("this is no database\n", 100)), 0o600))
	if _, err := staging.Open(ctx, staging.Options{URL: "sqlite:" + junk, Logger: silent}); err == nil {
		t.Error("a file that is no database was opened")
	}
}

func TestSeveralProcessesOpenOneNewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a name with ? and # and %20.db")
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			db, err := staging.Open(context.Background(), staging.Options{URL: "sqlite:" + path, Logger: silent})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := db.StageStudies(context.Background(), 0, []staging.Study{study(1)}); err != nil {
				t.Error(err)
			}
			db.Close()
		})
	}
	all.Wait()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

func TestReportsDoNotWaitForWork(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1), study(2), study(3))
		for range l.Studies(l.ctx, staging.Scope{}) {
			l.stage(t, study(4)) // while a report is being read
			if _, err := l.Status(l.ctx, staging.Scope{}); err != nil {
				t.Error(err)
			}
		}
	})
}
