package bridge_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

const ourAE = "PACSBRIDGE"

// crossing is an old PACS, a new PACS and the bridge between them, all over real
// associations on loopback.
type crossing struct {
	t        *testing.T
	timeouts dimse.Timeouts
	old, new *dimsetest.Archive
	db       *staging.DB
	inbox    *bridge.Inbox
	migrator *bridge.Migrator
	stock    *bridge.Inventory
	links    []*dimsetest.Link // between the three
	address  string            // of our Storage SCP
	commit   *bridge.Committer // nil where nobody asks for commitment
	answers  *bridge.Answers
	queue    *staging.Queue
	feeder   *bridge.Dispatcher
	objects  map[string]dimsetest.Object // of NEW at the end, when they were asked for
	disk     disk                        // of the spool
}

// patience bounds what must come in the end, on a machine that is busy: no test
// waits for it that goes well.
const patience = time.Minute

// shortPauses has pauses that a test does not notice.
var shortPauses = staging.Patience{First: time.Millisecond, Longest: 60 * time.Millisecond, Limit: patience}

// cross sets a crossing up with so many seeded studies at OLD, within January.
func cross(t *testing.T, studies int) *crossing {
	t.Helper()
	return crossWithin(t, studies, dimse.Timeouts{})
}

// crossWithin is cross with other time-outs at all three ends.
func crossWithin(t *testing.T, studies int, timeouts dimse.Timeouts) *crossing {
	t.Helper()
	x := &crossing{t: t, timeouts: timeouts, old: archive(t, "OLDPACS", timeouts), new: archive(t, "NEWPACS", timeouts)}
	for _, s := range dimsetest.Corpus(1, studies, january(1), 31) {
		check(t, x.old.Add(s.Objects...))
	}
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	x.db = ledger(t, filepath.Join(dir, "staging.db"), log)
	bytes := must(spool.Open(spool.Options{Dir: filepath.Join(dir, "spool"), Memory: 1 << 20, Logger: log, Disk: x.disk.room}))(t)
	x.inbox = &bridge.Inbox{Spool: bytes, Quarantine: &bridge.Quarantine{Dir: filepath.Join(dir, "quarantine")}, Logger: log}
	old, new := peer("old", x.old, log), peer("new", x.new, log)
	x.inbox.Reopen = func(ctx context.Context, studyUID string) error {
		_, err := x.db.RetryFailed(ctx, staging.Scope{StudyUIDs: []string{studyUID}}, staging.RetryFilter{})
		return err
	}
	x.stock = &bridge.Inventory{Old: old, Register: x.db, Pause: time.Millisecond, Logger: log}
	x.migrator = &bridge.Migrator{
		Node: "test", Claims: x.db, Old: old, Spool: bytes,
		Collect:  &bridge.Collector{Old: old, Inbox: x.inbox, Spool: bytes, Grace: 100 * time.Millisecond, Logger: log},
		Compose:  &bridge.Composer{Spool: bytes, Reports: true},
		Deliver:  &bridge.Deliverer{New: new, Spool: bytes},
		Verify:   &bridge.Verifier{New: new, Patience: 300 * time.Millisecond},
		Patience: shortPauses, Timeout: patience, Logger: log,
	}
	t.Cleanup(func() {
		closePeer(t, old)
		closePeer(t, new)
		for _, link := range x.links {
			check(t, link.Close())
		}
		check(t, bytes.Close())
		check(t, x.db.Close())
	})
	x.answers = bridge.NewAnswers(bridge.Answers{Ledger: x.db, Old: "OLDPACS", New: "NEWPACS", Logger: log})
	x.serve(log)
	x.work(log)
	return x
}

// closePeer ends the associations that are kept. Some may have ended before: the
// archives tire of those that are silent for long.
func closePeer(t *testing.T, p *bridge.Peer) {
	t.Helper()
	var aborted *dimse.AbortError
	if err := p.Close(context.Background()); err != nil && !errors.As(err, &aborted) {
		t.Fatal(err)
	}
}

// emptyLedger is the file of a ledger in which nothing has happened: making its
// tables anew for each test would take longer than most of the tests.
var emptyLedger = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "pb-ledger-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.db")
	db, err := staging.Open(context.Background(), staging.Options{URL: "sqlite:" + path})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// ledger opens an empty ledger of the test's own.
func ledger(t *testing.T, path string, log *slog.Logger) *staging.DB {
	t.Helper()
	check(t, os.WriteFile(path, must(emptyLedger())(t), 0o600))
	return must(staging.Open(t.Context(), staging.Options{URL: "sqlite:" + path, Logger: log}))(t)
}

// serve runs our Storage SCP and makes it known to OLD.
func (x *crossing) serve(log *slog.Logger) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(x.t)
	x.address = listener.Addr().String()
	x.old.AddDestination(ourAE, x.address)
	server := &dimse.Server{AETitle: ourAE, Handlers: dimse.Handlers{Store: x.inbox, Event: x.reports("NEWPACS"), Find: x.answers},
		Timeouts: x.timeouts, Logger: log}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	x.t.Cleanup(func() {
		stop()
		<-ended
	})
}

// work runs the queue's workers.
func (x *crossing) work(log *slog.Logger) {
	x.queue = must(staging.NewQueue(x.db, staging.QueueOptions{
		Departments: []staging.Department{{Name: staging.AllOthers, Workers: 3}}, Logger: log,
		Verifications: 2, Verify: func(ctx context.Context, id int64) error { return x.migrator.Prove(ctx, id) },
		Work: func(ctx context.Context, id int64) error {
			defer x.feeder.Working()()
			return x.migrator.Migrate(ctx, id)
		}}))(x.t)
	x.feeder = bridge.NewDispatcher(x.db, staging.FeedOptions{Node: "test", Room: 10}, nil, log)
	check(x.t, x.queue.Start(context.Background()))
	x.t.Cleanup(func() { check(x.t, x.queue.Stop(context.Background())) })
	ended := make(chan struct{})
	x.t.Cleanup(func() { close(ended) })
	go hurry(x.feeder, ended)
}

// hurry makes the dispatcher look at staging more often than it would, so that
// pauses of milliseconds are over after milliseconds.
func hurry(feeder *bridge.Dispatcher, ended <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			feeder.Ring()
		case <-ended:
			return
		}
	}
}

// run takes the inventory of January and migrates until nothing is left.
func (x *crossing) run() error {
	x.t.Helper()
	ctx, cancel := context.WithCancelCause(x.t.Context())
	defer cancel(nil)
	x.migrator.OnHalt = func(err error) { cancel(err) }
	must(x.db.BeginInventory(ctx, staging.Scope{}))(x.t)
	check(x.t, ignoreCount(x.db.RetryFailed(ctx, staging.Scope{}, staging.RetryFilter{})))
	if _, err := x.stock.Range(ctx, january(1), january(31)); err != nil {
		return err
	}
	check(x.t, x.db.FinishInventory(ctx, staging.Scope{}))
	return x.workOff(ctx)
}

// workOff migrates what is staged until nothing is left.
func (x *crossing) workOff(ctx context.Context) error {
	x.t.Helper()
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	fulfilled, ended := make(chan int64, 10), make(chan error, 1)
	x.feeder.OnFulfilled = func(order int64) { fulfilled <- order }
	must(x.db.SubmitOrder(ctx, staging.Scope{}))(x.t)
	go func() { ended <- x.feeder.Run(feeding) }()
	select {
	case <-fulfilled:
		stop()
		return <-ended
	case err := <-ended:
		if err == nil {
			err = context.Cause(ctx)
		}
		return err
	}
}

func (x *crossing) status() staging.Status {
	x.t.Helper()
	check(x.t, x.db.Audit(x.t.Context()))
	return must(x.db.Status(x.t.Context(), staging.Scope{}))(x.t)
}

// wantAll demands that NEW holds what OLD holds, byte for byte, and the ledger says so.
func (x *crossing) wantAll() {
	x.t.Helper()
	if diff := cmp.Diff(x.old.Digests(), x.new.Digests()); diff != "" {
		x.t.Errorf("NEW differs from OLD (-old +new):\n%s", diff)
	}
	n := len(x.old.Digests())
	s := x.status()
	want := staging.InstanceCounts{Expected: n, Received: n, Stored: n, Verified: n}
	if s.Instances != want || s.Studies.Failed != 0 {
		x.t.Errorf("the ledger says %+v, want %+v", s, want)
	}
}

// wantFailed demands that exactly these instances failed, with this class.
func (x *crossing) wantFailed(class staging.Class, instances ...string) {
	x.t.Helper()
	x.status()
	failed := map[string]bool{}
	for line, err := range x.db.Report(x.t.Context(), staging.Scope{}) {
		check(x.t, err)
		if line.State == staging.ItemFailed && slices.Contains(instances, line.UID) {
			failed[line.UID] = true
			if line.Class != class {
				x.t.Errorf("%s failed with %s (%s), want %s", line.UID, line.Class, line.Reason, class)
			}
		}
	}
	if got := slices.Sorted(maps.Keys(failed)); !cmp.Equal(got, slices.Sorted(slices.Values(instances))) {
		x.t.Errorf("failed instances %v, want %v", got, instances)
	}
}

func archive(t *testing.T, ae string, timeouts dimse.Timeouts) *dimsetest.Archive {
	t.Helper()
	a := dimsetest.NewArchive(ae)
	a.Commits, a.Timeouts, a.Keep = true, timeouts, 4<<20
	must(a.Start(context.Background()))(t)
	t.Cleanup(func() { check(t, a.Close()) })
	return a
}

func peer(name string, a *dimsetest.Archive, log *slog.Logger) *bridge.Peer {
	p := a.Peer()
	return bridge.NewPeer(bridge.PeerOptions{Name: name, Associations: 3, Destination: ourAE, Logger: log, Patience: shortPauses,
		Dialer: dimse.Dialer{Address: p.Address, CallingAE: ourAE, CalledAE: p.AE, AsyncWindow: 4, Timeouts: dimse.Timeouts{Response: patience}}})
}

// impatiently makes us wait for no answer longer than a moment, where some never
// come.
func (x *crossing) impatiently() {
	moment := dimse.Timeouts{Response: slowdown * time.Second}
	x.migrator.Old.(*bridge.Peer).Dialer.Timeouts = moment
	x.migrator.Deliver.New.(*bridge.Peer).Dialer.Timeouts = moment
}

func january(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func ignoreCount(_ int, err error) error { return err }

// testWriter shows log lines with the test they belong to.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

func TestAMonthCrossesByteForByte(t *testing.T) {
	x := cross(t, 12)
	check(t, x.run())
	x.wantAll()
}

func TestASecondRunSendsNothing(t *testing.T) {
	x := cross(t, 4)
	check(t, x.run())
	before := x.new.Counts().Stores
	check(t, x.run())
	if after := x.new.Counts().Stores; after != before {
		t.Errorf("the second run stored %d instances again", after-before)
	}
	x.wantAll()
}

func TestAStudyThatGrewIsOpenedAgain(t *testing.T) {
	x := cross(t, 2)
	late := x.old.Instances()[0]
	x.old.Remove(late.SOPInstance)
	check(t, x.run())
	x.wantAll()
	check(t, x.old.Add(late))
	check(t, x.run())
	x.wantAll()
}

func TestWhatOldDoes(t *testing.T) {
	victim := func(x *crossing) string { return x.old.Instances()[2].SOPInstance }
	tests := []struct {
		name   string
		faults func(x *crossing) dimsetest.Faults
		class  staging.Class // "" means: all arrives
	}{
		{"withholds an instance for ever and says success", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(victim(x)), Success: true}}
		}, staging.Incomplete},
		{"withholds an instance the first time", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.First(1, dimsetest.Only(victim(x)))}}
		}, ""},
		{"fails an instance and names it", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{Fail: dimsetest.Only(victim(x))}}
		}, staging.Incomplete},
		{"fails an instance without list or counts", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{Fail: dimsetest.First(1, dimsetest.Only(victim(x))), OmitCounts: true, OmitList: true}}
		}, ""},
		{"sends an instance late", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{Late: dimsetest.Only(victim(x)), LateBy: 20 * time.Millisecond}}
		}, ""},
		{"sends instances twice", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{Twice: dimsetest.Always}}
		}, ""},
		{"never says that it is done", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{NoFinal: true}}
		}, ""},
		{"cuts the first moves", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{AbortAfter: 2, AbortMoves: 2}}
		}, ""},
		{"is busy for a while", func(x *crossing) dimsetest.Faults {
			return dimsetest.Faults{Move: dimsetest.MoveFaults{Refuse: dimsetest.RefuseFirst(3, dimse.StatusOutOfResources)}}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 3)
			x.old.SetFaults(tt.faults(x))
			check(t, x.run())
			if tt.class == "" {
				x.wantAll()
				return
			}
			x.wantFailed(tt.class, victim(x))
			if s := x.status(); s.Studies.Failed != 1 || s.Studies.Migrated != 2 {
				t.Errorf("studies: %+v, want one failed and two migrated", s.Studies)
			}
			if _, there := x.new.Digests()[victim(x)]; there {
				t.Error("the instance that OLD withheld is at NEW")
			}
		})
	}
}

func TestWhatNewDoes(t *testing.T) {
	victim := func(x *crossing) string { return x.old.Instances()[2].SOPInstance }
	tests := []struct {
		name   string
		faults func(x *crossing) dimsetest.StoreFaults
		class  staging.Class
	}{
		{"says success and forgets the first time", func(x *crossing) dimsetest.StoreFaults {
			return dimsetest.StoreFaults{Forget: dimsetest.First(1, dimsetest.Only(victim(x)))}
		}, ""},
		{"says success and forgets every time", func(x *crossing) dimsetest.StoreFaults {
			return dimsetest.StoreFaults{Forget: dimsetest.Only(victim(x))}
		}, staging.Mismatch},
		{"drops the connection instead of an answer", func(x *crossing) dimsetest.StoreFaults {
			return dimsetest.StoreFaults{Drop: dimsetest.First(1, dimsetest.Only(victim(x)))}
		}, ""},
		{"cuts in the middle of a data set", func(x *crossing) dimsetest.StoreFaults {
			return dimsetest.StoreFaults{Cut: dimsetest.First(1, dimsetest.Only(victim(x)))}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 3)
			x.new.SetFaults(dimsetest.Faults{Store: tt.faults(x)})
			check(t, x.run())
			if tt.class == "" {
				x.wantAll()
				return
			}
			x.wantFailed(tt.class, victim(x))
		})
	}
}

func TestAnUnknownMoveDestinationStopsTheRunAndFailsNothing(t *testing.T) {
	x := cross(t, 3)
	x.migrator.Old.(*bridge.Peer).Destination = "NOBODY"
	err := x.run()
	var destination *bridge.DestinationError
	if !errors.As(err, &destination) {
		t.Fatalf("run ended with %v, want a DestinationError", err)
	}
	check(t, x.queue.Stop(context.Background()))
	if s := x.status(); s.Studies.ToMigrate+s.Studies.Queued != 3 {
		t.Errorf("studies %+v, want all waiting to be migrated", s.Studies)
	}
}

func TestAnotherDataSetUnderOneUIDGoesToQuarantine(t *testing.T) {
	x := cross(t, 1)
	first := x.old.Instances()[0]
	second := first
	second.Data = slices.Clone(first.Data)
	second.Data[len(second.Data)-1] ^= 0xFF
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Extra: []dimsetest.Object{second}}})
	check(t, x.run())
	x.wantAll()
	index := must(os.ReadFile(filepath.Join(x.inbox.Quarantine.Dir, "index.jsonl")))(t)
	if !strings.Contains(string(index), first.SOPInstance) {
		t.Errorf("the quarantine's index does not name %s:\n%s", first.SOPInstance, index)
	}
	_, items, err := x.db.Study(t.Context(), first.StudyUID)
	check(t, err)
	for _, it := range items {
		if it.UID == first.SOPInstance && it.Warning == "" {
			t.Error("the ledger has no warning for the instance")
		}
	}
}

func TestAnInstanceNobodyAskedForIsRefused(t *testing.T) {
	x := cross(t, 2)
	stray := dimsetest.Study(99, dimsetest.StudyOptions{})
	x.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Extra: stray[:1], Success: true}})
	check(t, x.run())
	x.wantAll()
}
