package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging/pgtest"
)

const (
	clusterNodes     = 3
	clusterInstances = 5 // of each study
	// nodeWorkers is how many studies a node has in work at most.
	nodeWorkers = 6
)

// kills is how often a node is killed; the acceptance is PACSBRIDGE_KILLS=100, with
// 1,000 studies. Restarts of the database and the suspended node take minutes and
// run with it alone.
var kills, fullKills = func() (int, bool) {
	if n, err := strconv.Atoi(os.Getenv("PACSBRIDGE_KILLS")); err == nil && n > 0 {
		return n, true
	}
	return 6, false
}()

// cluster is several serve processes that share one PostgreSQL, and a migrate that
// follows them.
type cluster struct {
	*lab
	server  *pgtest.Server
	studies int
	nodes   [clusterNodes]*clusterNode

	mu    sync.Mutex
	done  map[string]int // by study, how often a node said that it was migrated
	ended chan string    // studies, as they are migrated
	leads chan int       // nodes, as they begin to lead
}

// clusterNode is one of the processes: what its environment says, and its life.
type clusterNode struct {
	env  []string
	life *process
}

func newCluster(t *testing.T, studies int) *cluster {
	t.Helper()
	c := &cluster{lab: newLab(t, 0), server: pgtest.StartServer(t), studies: studies, done: map[string]int{},
		ended: make(chan string, 10*studies), leads: make(chan int, 1000)}
	c.edit("sqlite:"+c.dir+"/staging.db", c.server.URL())
	for i := range studies {
		day := time.Date(2026, 1, 1+i%31, 0, 0, 0, 0, time.UTC)
		objects := dimsetest.Study(int64(i), dimsetest.StudyOptions{Instances: clusterInstances, Date: day.Format("20060102")})
		if err := c.old.Add(objects...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range c.nodes {
		own := dimsetest.Peer{AE: fmt.Sprintf("BRIDGE%d", i), Address: dimsetest.FreeAddress(t)}
		c.old.AddDestination(own.AE, own.Address)
		c.nodes[i] = &clusterNode{env: append(os.Environ(), "PACSBRIDGE_NODE_AE_TITLE="+own.AE, "PACSBRIDGE_NODE_LISTEN="+own.Address,
			"PACSBRIDGE_STAGING_SPOOL="+filepath.Join(c.dir, "spool", own.AE))}
		<-c.start(i)
	}
	return c
}

// start starts a node; the channel is closed when it serves.
func (c *cluster) start(i int) <-chan struct{} {
	c.t.Helper()
	path, err := builtProgram()
	if err != nil {
		c.t.Fatal(err)
	}
	p := newProcess(c.t, path, "serve", "--config", c.config)
	p.Env = c.nodes[i].env
	log, err := p.StderrPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	p.begin()
	c.nodes[i].life = p
	serving := make(chan struct{})
	p.drained.Go(func() {
		ready := sync.OnceFunc(func() { close(serving) })
		defer ready()
		for lines := bufio.NewScanner(log); lines.Scan(); {
			line := lines.Text()
			fmt.Fprintln(&p.log, line)
			if strings.Contains(line, "msg=serving") {
				ready()
			}
			if strings.Contains(line, `msg="this node leads`) {
				c.leads <- i
			}
			if _, rest, migrated := strings.Cut(line, `msg="study migrated" study=`); migrated {
				uid, _, _ := strings.Cut(rest, " ")
				c.note(uid)
			}
		}
	})
	return serving
}

func (c *cluster) note(uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[uid]++
	c.ended <- uid
}

// follow starts the migrate that hands the order to the nodes.
func (c *cluster) follow() *process {
	c.t.Helper()
	path, err := builtProgram()
	if err != nil {
		c.t.Fatal(err)
	}
	p := newProcess(c.t, path, append(january, "--config", c.config)...)
	p.Env = c.nodes[0].env
	p.Stderr = &p.log
	p.begin()
	return p
}

// await waits until so many more studies are migrated.
func (c *cluster) await(studies int) {
	c.t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	for range studies {
		select {
		case <-c.ended:
		case <-deadline.C:
			for _, node := range c.nodes {
				c.t.Logf("%s", &node.life.log)
			}
			c.t.Fatal("nothing moves any more")
		}
	}
}

// kill ends a node without warning, and starts it again.
func (c *cluster) kill(i int) {
	c.t.Helper()
	c.end(i)
	c.start(i)
}

// end ends a node without warning.
func (c *cluster) end(i int) {
	p := c.nodes[i].life
	p.Process.Kill()
	p.drained.Wait()
	p.Wait()
}

// exact demands that nothing was lost, altered or done twice, that the ledger adds up,
// and that no more was sent again than was in flight.
func (c *cluster) exact(follower *process, inFlight int) {
	c.t.Helper()
	follower.ended(exitOK)
	for _, node := range c.nodes {
		node.life.Process.Signal(syscall.SIGTERM)
	}
	for _, node := range c.nodes {
		node.life.ended(exitInterrupted)
	}
	c.arrived()
	c.lab.exact(c.studies)
	c.run(exitOK, "status", "--audit")
	c.mu.Lock()
	defer c.mu.Unlock()
	for uid, times := range c.done {
		if times > 1 {
			c.t.Errorf("%s was migrated %d times", uid, times)
		}
	}
	again := c.new.Counts().Stores - c.studies*clusterInstances
	c.t.Logf("%d studies, %d instances; %d instances were sent again, %d may have been in flight", c.studies, c.studies*clusterInstances, again, inFlight)
	if again > inFlight {
		c.t.Errorf("%d instances were sent again, at most %d were in flight", again, inFlight)
	}
}

func TestNodesKilledAtWorkLoseAndRepeatNothing(t *testing.T) {
	t.Parallel()
	studies := 20 * kills
	if fullKills {
		studies = 10 * kills
	}
	c := newCluster(t, studies)
	follower := c.follow()
	for range kills {
		c.await(1 + rand.IntN(studies/kills*9/10))
		c.kill(rand.IntN(clusterNodes))
	}
	c.exact(follower, kills*nodeWorkers*clusterInstances)
}

// The node that leads dies when nobody has anything in hand; another feeds what was
// ordered, windows and studies, within seconds.
func TestWhenTheNodeThatLeadsDiesAnotherFeeds(t *testing.T) {
	t.Parallel()
	const studies = 40
	c := newCluster(t, studies)
	leader := <-c.leads
	c.run(exitOK, "pause")
	follower := c.follow()
	c.eventually("the inventory is taken", func() bool {
		out, _ := c.run(exitOK, "status", "--json")
		return strings.Contains(out, fmt.Sprintf(`"to-migrate":%d`, studies))
	})
	c.end(leader)
	c.run(exitOK, "resume")
	c.await(studies)
	if next := <-c.leads; next == leader {
		t.Errorf("node %d leads, which is dead", next)
	}
	c.start(leader)
	c.exact(follower, 0)
}

func TestTheDatabaseRestartsUnderNodesAtWork(t *testing.T) {
	if !fullKills {
		t.Skip("takes minutes: PACSBRIDGE_KILLS=100")
	}
	const studies, restarts = 400, 20
	c := newCluster(t, studies)
	follower := c.follow()
	for range restarts {
		c.await(1 + rand.IntN(studies/restarts*9/10))
		c.server.Restart()
	}
	c.exact(follower, restarts*clusterNodes*nodeWorkers*clusterInstances)
}

// A node is stopped for longer than its lease of a minute; the others take its
// studies over, and what it does when it is continued changes nothing.
func TestANodeSuspendedPastItsLeaseChangesNothing(t *testing.T) {
	if !fullKills {
		t.Skip("takes minutes: PACSBRIDGE_KILLS=100")
	}
	const studies = 300
	c := newCluster(t, studies)
	follower := c.follow()
	c.await(studies / 10)
	sleeper := c.nodes[1].life.Process
	sleeper.Signal(syscall.SIGSTOP)
	follower.Wait()
	sleeper.Signal(syscall.SIGCONT)
	c.exact(follower, nodeWorkers*clusterInstances)
}
