package staging_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pacsbridge/staging"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childVariable); url != "" {
		if name := os.Getenv(nodeVariable); name != "" {
			os.Exit(clusterNode(url, name))
		}
		os.Exit(child(url))
	}
	for name, value := range map[string]string{"rapid.steps": "80", "rapid.checks": strconv.Itoa(size(usualRuns, 300))} { // a study needs a dozen steps to its end
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(afterwards{m})
}

// afterwards stops what the tests shared before anybody looks for what was left.
type afterwards struct{ *testing.M }

func (m afterwards) Run() int {
	defer stopCluster()
	return m.M.Run()
}

// engines are the databases the suite runs on: each gives the URL of an empty
// one. Every test of this package that takes a ledger runs on all of them.
var engines = map[string]func(testing.TB) string{
	"sqlite": func(tb testing.TB) string {
		path := filepath.Join(tb.TempDir(), "ledger.db")
		empty, err := emptySQLite()
		must(tb, err)
		must(tb, os.WriteFile(path, empty, 0o600))
		return "sqlite:" + path
	},
	"postgres": emptyPostgres,
}

// emptySQLite is a ledger with its schema and nothing else, made once: making
// it takes longer than most tests.
var emptySQLite = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "staging")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.db")
	db, err := staging.Open(context.Background(), staging.Options{URL: "sqlite:" + path, Logger: silent})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// eachEngine runs a test on a fresh ledger of every engine.
func eachEngine(t *testing.T, test func(*testing.T, *ledger)) {
	for name, url := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for its own database
			test(t, openLedger(t, url(t)))
		})
	}
}

// ledger is a staging database under test, with a clock of its own.
type ledger struct {
	*staging.DB
	*clock
	url string
	ctx context.Context
}

func openLedger(tb testing.TB, url string) *ledger {
	tb.Helper()
	c := &clock{now: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}
	db, err := staging.Open(context.Background(), staging.Options{URL: url, Logger: silent, Clock: c.Now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &ledger{DB: db, clock: c, url: url, ctx: context.Background()}
}

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// clock is a clock that moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const (
	node  = "node-1"
	lease = time.Minute
)

// study is the i-th of a run of studies, each of its own patient and day.
func study(i int) staging.Study {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i%365)
	return staging.Study{
		UID: fmt.Sprintf("1.2.%d", i), PatientID: fmt.Sprintf("P%d", i), Issuer: "HOSPITAL", AccessionNumber: fmt.Sprintf("A%d", i),
		Department: "RAD", Modalities: "CT", Date: day.Format(time.DateOnly), ListedInstances: 2,
	}
}

func instances(studyUID string, n int) []staging.Item {
	var items []staging.Item
	for i := range n {
		items = append(items, staging.Item{Kind: staging.Instance, UID: fmt.Sprintf("%s.%d", studyUID, i), SeriesUID: studyUID + ".1000"})
	}
	return items
}

// done is items as they are once they are proven at NEW.
func done(items []staging.Item) []staging.Item {
	proven := make([]staging.Item, len(items))
	for i, it := range items {
		it.State, it.Received, it.Stored, it.Found = staging.ItemDone, true, true, true
		it.Bytes, it.SHA256 = 100, "aa"
		if it.ObjectUID == "" {
			it.ObjectUID = it.UID
		}
		proven[i] = it
	}
	return proven
}

func (l *ledger) stage(t testing.TB, studies ...staging.Study) staging.Staged {
	t.Helper()
	staged, err := l.StageStudies(l.ctx, 0, studies)
	if err != nil {
		t.Fatal(err)
	}
	return staged
}

func (l *ledger) feed(t testing.TB, o staging.FeedOptions) int {
	t.Helper()
	if o.Node == "" {
		o.Node = node
	}
	if o.Room == 0 {
		o.Room = 1000
	}
	n, err := l.Feed(l.ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (l *ledger) study(t testing.TB, uid string) (staging.Study, []staging.Item) {
	t.Helper()
	s, items, err := l.Study(l.ctx, uid)
	if err != nil {
		t.Fatal(err)
	}
	return s, items
}

// claim feeds what there is and claims one study.
func (l *ledger) claim(t testing.TB, uid string) *staging.Claim {
	t.Helper()
	l.feed(t, staging.FeedOptions{})
	s, _ := l.study(t, uid)
	c, err := l.Claim(l.ctx, s.ID, node, lease)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// migrate takes a claimed study to its end.
func (l *ledger) migrate(c *staging.Claim, items []staging.Item) error {
	if err := c.Expect(l.ctx, items); err != nil {
		return err
	}
	if err := c.Advance(l.ctx, staging.Delivering); err != nil {
		return err
	}
	if err := c.Advance(l.ctx, staging.Verifying); err != nil {
		return err
	}
	all, err := c.Items(l.ctx)
	if err != nil {
		return err
	}
	return c.Finish(l.ctx, done(all)...)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustBe(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, not %v", err, want)
	}
}

func (l *ledger) audit(t testing.TB) {
	t.Helper()
	if err := l.Audit(l.ctx); err != nil {
		t.Error(err)
	}
}
