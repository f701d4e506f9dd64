package staging_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

// nodeVariable names the node that a child of this test binary is.
const nodeVariable = "PACSBRIDGE_STAGING_NODE"

// fullSize asks for the sizes of the acceptance: 1,000 studies of 5 instances, 100
// kills, 20 restarts of the database.
var fullSize = os.Getenv("PACSBRIDGE_FULL") != ""

func size(usual, full int) int {
	if fullSize {
		return full
	}
	return usual
}

const (
	nodeLease     = 2 * time.Second
	nodeInstances = 5
	// nodePace is what OLD and NEW take for one step.
	nodePace = 10 * time.Millisecond
)

// clusterNode is one of several processes on a ledger: it feeds, reclaims and works
// until nothing is left, and tells what it opens, finishes and loses.
func clusterNode(url, name string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	run := runNode
	if strings.HasPrefix(name, "bench ") {
		run = runBenchNode
	}
	if err := run(ctx, url, name); err != nil {
		fmt.Fprintln(os.Stderr, name, err)
		return 1
	}
	return 0
}

func runNode(ctx context.Context, url, name string) error {
	db, err := staging.Open(ctx, staging.Options{URL: url, Logger: silent})
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Reclaim(ctx, name, true); err != nil {
		return err
	}
	tell := teller()
	q, err := staging.NewQueue(db, staging.QueueOptions{Departments: []staging.Department{{Name: "RAD", Workers: 4}},
		Work: func(ctx context.Context, id int64) error { return nodeWork(ctx, db, id, name, tell) }})
	if err != nil {
		return err
	}
	if err := q.Start(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := db.Reclaim(ctx, name, false); err != nil {
			return err
		}
		if _, err := db.Feed(ctx, staging.FeedOptions{Node: name, Room: 10, Departments: []string{"RAD"}, Lease: nodeLease}); err != nil {
			return err
		}
		if left, err := db.Remaining(ctx, staging.Scope{}); err != nil || left == 0 {
			return errors.Join(err, q.Stop(ctx))
		}
	}
	return nil
}

func teller() func(what, uid string) {
	var mu sync.Mutex
	return func(what, uid string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, uid)
	}
}

// nodeWork carries one study, at the pace of its peers.
func nodeWork(ctx context.Context, db *staging.DB, id int64, name string, tell func(what, uid string)) error {
	c, err := db.Claim(ctx, id, name, nodeLease)
	if err != nil {
		return nil // whoever has it goes on with it
	}
	uid := c.Study().UID
	tell("open", uid)
	pace := time.NewTicker(nodePace)
	defer pace.Stop()
	items := done(instances(uid, nodeInstances))
	for _, step := range []func() error{
		func() error { return c.Expect(ctx, instances(uid, nodeInstances)) },
		func() error { return c.Advance(ctx, staging.Delivering, items[:2]...) },
		func() error { return c.Advance(ctx, staging.Verifying) },
		func() error { return c.Finish(ctx, items...) },
	} {
		<-pace.C
		if err := step(); err != nil {
			tell("lost", uid)
			return err
		}
	}
	tell("done", uid)
	return nil
}

// nodes are processes at work on one ledger, as the test sees them.
type nodes struct {
	t       *testing.T
	url     string
	mu      sync.Mutex
	running map[string]*exec.Cmd
	told    map[string]int // by study, how often it was told to be done
	lost    int
	events  chan event
	ended   sync.WaitGroup
}

type event struct{ node, what, uid string }

func startNodes(t *testing.T, url string, names ...string) *nodes {
	n := &nodes{t: t, url: url, running: map[string]*exec.Cmd{}, told: map[string]int{}, events: make(chan event, 100_000)}
	for _, name := range names {
		n.start(name)
	}
	return n
}

func (n *nodes) start(name string) {
	n.t.Helper()
	self, err := os.Executable()
	must(n.t, err)
	command := exec.CommandContext(n.t.Context(), self)
	command.Env = append(os.Environ(), childVariable+"="+n.url, nodeVariable+"="+name)
	var trouble strings.Builder
	command.Stderr = &trouble
	out, err := command.StdoutPipe()
	must(n.t, err)
	must(n.t, command.Start())
	n.mu.Lock()
	n.running[name] = command
	n.mu.Unlock()
	n.ended.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			what, uid, _ := strings.Cut(lines.Text(), " ")
			n.note(event{name, what, uid})
		}
		var exit *exec.ExitError
		if err := command.Wait(); errors.As(err, &exit) && exit.ExitCode() > 0 {
			n.t.Errorf("%s ended with %v: %s", name, err, trouble.String())
		}
	})
}

func (n *nodes) note(e event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch e.what {
	case "done":
		n.told[e.uid]++
	case "lost":
		n.lost++
	}
	n.events <- e
}

// await returns once so many events have come.
func (n *nodes) await(what, node string, count int) bool {
	n.t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	for count > 0 {
		select {
		case e := <-n.events:
			if e.what == what && (node == "" || e.node == node) {
				count--
			}
		case <-deadline.C:
			n.t.Errorf("%d times %q of %q did not come", count, what, node)
			return false
		}
	}
	return true
}

func (n *nodes) process(name string) *os.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running[name].Process
}

// exact waits for the nodes to end and proves the ledger.
func (n *nodes) exact(l *ledger, studies int) {
	n.t.Helper()
	n.ended.Wait()
	l.audit(n.t)
	for uid, times := range n.told {
		if times > 1 {
			n.t.Errorf("%s was done %d times", uid, times)
		}
	}
	status, err := l.Status(l.ctx, staging.Scope{})
	must(n.t, err)
	if status.Studies != (staging.StudyCounts{Migrated: studies}) || status.Instances.Verified != nodeInstances*studies {
		n.t.Errorf("at the end it is %+v", status)
	}
	n.t.Logf("%d studies, %d told to be done, %d given up because another had them", studies, len(n.told), n.lost)
}

// openCluster is a ledger by the database's own clock, which several nodes share.
func openCluster(t *testing.T, url string, studies int) *ledger {
	t.Helper()
	db, err := staging.Open(t.Context(), staging.Options{URL: url, Logger: silent})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	l := &ledger{DB: db, url: url, ctx: context.Background()}
	for from := 0; from < studies; from += benchBatch {
		l.stage(t, batch(from, min(benchBatch, studies-from))...)
	}
	return l
}

// Three nodes share a ledger, and again and again one of them is killed and comes
// back: nothing is lost, and nothing is done twice.
func TestNodesAreKilledAtRandom(t *testing.T) {
	studies, kills := size(usualStudies, 1000), size(usualKills, 100)
	names := []string{"a", "b", "c"}
	l := openCluster(t, emptyPostgres(t), studies)
	n := startNodes(t, l.url, names...)
	for range kills {
		if !n.await("done", "", 1+rand.IntN(studies/kills*9/10)) {
			break
		}
		victim := names[rand.IntN(len(names))]
		must(t, ignoreFinished(n.process(victim).Kill()))
		n.start(victim)
	}
	n.exact(l, studies)
}

func ignoreFinished(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// A node is stopped in the middle of its work until its lease has gone and others
// have finished everything. What it writes when it is continued goes nowhere.
func TestANodeStoppedPastItsLeaseWritesNothingMore(t *testing.T) {
	const studies = 30
	l := openCluster(t, emptyPostgres(t), studies)
	n := startNodes(t, l.url, "sleeper")
	n.await("open", "sleeper", 3)
	sleeper := n.process("sleeper")
	must(t, sleeper.Signal(syscall.SIGSTOP))
	n.start("other")
	for left := studies; left > 0; { // until the leases of the sleeper are gone, and its studies done
		if !n.await("done", "other", 1) {
			t.FailNow()
		}
		var err error
		left, err = l.Remaining(l.ctx, staging.Scope{})
		must(t, err)
	}
	must(t, sleeper.Signal(syscall.SIGCONT))
	n.exact(l, studies)
	if n.lost == 0 {
		t.Error("the sleeper lost nothing: it was stopped too late")
	}
}

// The database is restarted again and again in the middle of the work, every
// connection cut: the nodes wait for it and go on by themselves.
func TestTheDatabaseIsRestartedInARun(t *testing.T) {
	studies, restarts := size(usualStudies, 400), size(2, 20)
	server := pgtest.StartServer(t)
	l := openCluster(t, server.URL(), studies)
	n := startNodes(t, l.url, "a", "b", "c")
	for range restarts {
		if !n.await("done", "", 1+rand.IntN(studies/restarts/2)) {
			break
		}
		server.Restart()
	}
	n.exact(l, studies)
}

// The connections of a node that is about to work are cut: it starts all the same.
func TestTheQueueStartsThoughTheDatabaseWasRestarted(t *testing.T) {
	server := pgtest.StartServer(t)
	l := openCluster(t, server.URL(), 1)
	q, err := staging.NewQueue(l.DB, staging.QueueOptions{Work: func(context.Context, int64) error { return nil }})
	must(t, err)
	server.Restart()
	must(t, q.Start(l.ctx))
	must(t, q.Stop(l.ctx))
}

// A node is suspended in the middle of feeding, with the lock of all feeders in its
// hand: the others wait for seconds, not for ever.
func TestASuspendedFeederDoesNotHoldUpTheOthers(t *testing.T) {
	l := openCluster(t, emptyPostgres(t)+"&idle_in_transaction_session_timeout=500", 1)
	end, err := l.Suspend(l.ctx)
	must(t, err)
	defer end()
	begun := time.Now()
	if n := l.feed(t, staging.FeedOptions{}); n != 1 || time.Since(begun) > patience {
		t.Errorf("%d fed after %v", n, time.Since(begun))
	}
}

// A node is suspended in the middle of a statement, a COPY, with the row of a study
// locked, which the database would wait out for ever: the others end its session.
func TestANodeSuspendedWithinAStatementDoesNotHoldUpTheOthers(t *testing.T) {
	url := emptyPostgres(t)
	l := openCluster(t, url+"&lock_timeout=300", 2)
	c := l.claim(t, "1.2.1")
	suspended, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer suspended.Close(context.Background())
	_, err = suspended.Exec(t.Context(), `BEGIN; SELECT 1 FROM studies WHERE uid = '1.2.1' FOR UPDATE; CREATE TEMPORARY TABLE rows (n integer)`)
	must(t, err)
	silence, end := io.Pipe()
	defer end.Close()
	copied := make(chan error, 1)
	go func() {
		_, err := suspended.PgConn().CopyFrom(context.Background(), silence, `COPY rows FROM STDIN`)
		copied <- err
	}()
	begun := time.Now()
	must(t, c.Advance(l.ctx, staging.Delivering))
	_, err = l.Reclaim(l.ctx, node, true)
	if must(t, err); time.Since(begun) > patience {
		t.Errorf("the others waited %v", time.Since(begun))
	}
	end.Close()
	if err := <-copied; err == nil {
		t.Error("the session of the suspended node lives on")
	}
}
