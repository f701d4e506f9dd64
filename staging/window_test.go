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

	"pacsbridge/staging"
)

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

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
