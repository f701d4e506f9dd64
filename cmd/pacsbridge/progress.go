package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"pacsbridge/staging"
)

const (
	barEvery  = 500 * time.Millisecond // how often the bar moves on a terminal
	lineEvery = 10 * time.Second       // how often a line is logged elsewhere
)

// progress shows how far a scope has come while it is worked on: a bar on a
// terminal, a log line now and then elsewhere. It reads the ledger, so it tells
// the same whoever does the work.
type progress struct {
	db    *staging.DB
	scope staging.Scope
	show  func(s staging.Status, windows int)
	close func()

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// showProgress begins to show; stop ends it.
func (p *program) showProgress(ctx context.Context, db *staging.DB, scope staging.Scope) *progress {
	ctx, cancel := context.WithCancel(ctx)
	g := &progress{db: db, scope: scope, cancel: cancel, close: func() {}}
	every := lineEvery
	if isTerminal(p.stderr) {
		every = barEvery
		g.show, g.close = bar(p.stderr)
	} else {
		g.show = line(p.log)
	}
	g.done.Go(func() { g.watch(ctx, every) })
	return g
}

func (g *progress) stop() {
	g.cancel()
	g.done.Wait()
	g.close()
}

func (g *progress) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		status, err := g.db.Status(ctx, g.scope)
		if err != nil {
			continue
		}
		windows, err := g.db.WindowsLeft(ctx, g.scope)
		if err == nil {
			g.show(status, windows)
		}
	}
}

// line logs the numbers; windows are those of the inventory that are left.
func line(log *slog.Logger) func(s staging.Status, windows int) {
	return func(s staging.Status, windows int) {
		ended, all := ends(s)
		log.Info("progress", "windows_left", windows, "studies", all, "ended", ended, "failed", s.Studies.Failed,
			"instances_verified", s.Instances.Verified, "bytes", s.Bytes)
	}
}

// bar draws one on a terminal.
func bar(w io.Writer) (show func(s staging.Status, windows int), close func()) {
	container := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	var failed, left atomic.Int64
	b := container.AddBar(0,
		mpb.PrependDecorators(decor.Name("studies "), decor.CountersNoUnit("%d / %d")),
		mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string { return failedText(failed.Load()) + leftText(left.Load()) })),
	)
	show = func(s staging.Status, windows int) {
		ended, all := ends(s)
		failed.Store(int64(s.Studies.Failed))
		left.Store(int64(windows))
		b.SetTotal(int64(all), false)
		b.SetCurrent(int64(ended))
	}
	return show, func() {
		b.Abort(false)
		container.Wait()
	}
}

func failedText(n int64) string {
	if n == 0 {
		return ""
	}
	return "  " + count(int(n), "failed", "failed")
}

func leftText(windows int64) string {
	if windows == 0 {
		return ""
	}
	return "  inventory: " + count(int(windows), "window", "windows") + " left"
}

// ends counts the studies that have come to their end, and all.
func ends(s staging.Status) (ended, all int) {
	st := s.Studies
	ended = st.Migrated + st.Failed + st.Skipped
	return ended, ended + st.ToMigrate + st.Queued + st.Collecting + st.Delivering + st.Verifying
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
