package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/dimse"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// engine is the node at work: our Storage SCP, the spool, the queue and its
// workers.
type engine struct {
	*rig
	node       string
	listener   net.Listener
	server     *dimse.Server
	spool      *spool.Spool
	stores     *fetch.Stores
	queue      *staging.Queue
	dispatcher *bridge.Dispatcher
	dashboard  *dashboard        // nil without dashboard.token
	committer  *bridge.Committer // nil with new.commitment: off
	caretaker  *bridge.Caretaker
	halt       context.CancelCauseFunc // set while it runs
}

// errPortTaken says that another process listens on node.listen.
var errPortTaken = errors.New("another process listens there")

// listen opens the port of our Storage SCP. Whoever holds it is the node.
func listen(s *conf.Settings) (net.Listener, error) {
	listener, err := net.Listen("tcp", s.Node.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, withHint(fmt.Errorf("listen on %s: %w", s.Node.Listen, errPortTaken),
			"it is no pacsbridge serve of the same staging database; another migrate may be running: see node.listen")
	}
	if err != nil {
		return nil, withHint(fmt.Errorf("listen on %s: %w", s.Node.Listen, err), "see node.listen")
	}
	return listener, nil
}

// newEngine puts the node together. It owns the listener.
func newEngine(r *rig, listener net.Listener) (*engine, error) {
	e := &engine{rig: r, node: nodeName(r.settings, listener), listener: listener}
	boundMemory()
	var err error
	if e.spool, err = spool.Open(spool.Options{Dir: r.settings.Staging.Spool, Memory: int64(r.settings.Staging.Memory), Logger: r.log}); err != nil {
		return nil, withHint(fmt.Errorf("open the spool in %s: %w", r.settings.Staging.Spool, err), "see staging.spool; the folder must be writable")
	}
	inbox := e.newInbox()
	e.committer = e.newCommitter()
	if e.server, err = e.newServer(inbox); err != nil {
		return nil, err
	}
	migrator, err := e.newMigrator(inbox)
	if err != nil {
		return nil, err
	}
	departments := queues(r.settings)
	e.queue, err = staging.NewQueue(r.db, staging.QueueOptions{Departments: departments, Logger: r.log,
		Work: func(ctx context.Context, studyID int64) error {
			defer e.dispatcher.Working()()
			return migrator.Migrate(ctx, studyID)
		}})
	if err != nil {
		return nil, fmt.Errorf("make the queue: %w", err)
	}
	e.dispatch(departments)
	if e.dashboard, err = newDashboard(r.settings.Dashboard); err != nil {
		return nil, err
	}
	return e, nil
}

// collectAt is how much the heap may grow before the garbage collector runs, in
// percent of what is alive. The heap is small, since the spool's memory lies
// outside of it, and collecting it is cheap: memory is worth more here.
const collectAt = 50

// boundMemory keeps the process near the memory that was given to the spool. GOGC
// in the environment wins.
func boundMemory() {
	forgetImage()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}

// nodeName names this node in the ledger, the same at each start: it holds the
// leases, and whoever has the port may take over those of its predecessor.
func nodeName(s *conf.Settings, listener net.Listener) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return s.Node.AETitle + "@" + net.JoinHostPort(host, port)
}

func (e *engine) newInbox() *bridge.Inbox {
	return &bridge.Inbox{
		Spool:      e.spool,
		Quarantine: &bridge.Quarantine{Dir: filepath.Join(e.settings.Staging.Spool, "quarantine")},
		Uninvited:  e.settings.Node.Unsolicited == conf.UnsolicitedQuarantine,
		Throttle:   bridge.NewThrottle(int64(e.settings.Old.Rate)),
		Reopen:     e.reopen,
		Logger:     e.log,
	}
}

// reopen sets a failed study on its way again: what it lacked has come.
func (e *engine) reopen(ctx context.Context, studyUID string) error {
	_, err := e.db.RetryFailed(ctx, staging.Scope{StudyUIDs: []string{studyUID}}, staging.RetryFilter{})
	return err
}

// rejections are the titles of rejection notes by their settings.
var rejections = map[conf.Rejection]nondicom.Rejection{
	conf.RejectionQuality: nondicom.RejectedForQuality, conf.RejectionSafety: nondicom.RejectedForSafety,
}

// reject sends a rejection note for what a failed study has left at NEW, where the
// settings say so.
func (e *engine) reject(study staging.Study) {
	why, asked := rejections[e.settings.New.Rejection]
	if !asked {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), rejectWithin)
	defer cancel()
	n, err := (&bridge.Rejecter{New: e.new, Studies: e.db, Why: why}).Reject(ctx, study.UID, time.Now())
	switch {
	case err != nil:
		e.log.Error("the new PACS was not told what a failed study left there; see failed --left-behind", "study", study.UID, "error", err)
	case n > 0:
		e.log.Warn("what a failed study left at the new PACS was rejected there", "study", study.UID, "objects", n)
	}
}

// rejectWithin is how long a rejection note may take.
const rejectWithin = time.Minute

// tell notifies whoever migration.notify names of a study that failed, and rejects
// what it left.
func (e *engine) tell(study staging.Study, f bridge.Failure) {
	e.reject(study)
	err := notify(context.Background(), e.settings.Migration.Notify.Reveal(), notice{
		Event: "study-failed", Node: e.node, StudyUID: study.UID,
		Class: string(f.Class), Reason: f.Reason, Attempts: study.Attempts,
	})
	if err != nil {
		e.log.Error("migration.notify was not told of a failed study", "study", study.UID, "error", err)
	}
}

func (e *engine) newServer(inbox *bridge.Inbox) (*dimse.Server, error) {
	config, err := serverTLS(e.settings.Node.TLS)
	if err != nil {
		return nil, fmt.Errorf("prepare TLS of node.listen: %w", err)
	}
	handlers := dimse.Handlers{Store: inbox,
		Find: bridge.NewAnswers(bridge.Answers{Ledger: e.db, Old: e.settings.Old.AETitle, New: e.settings.New.AETitle, Logger: e.log})}
	if e.committer != nil {
		handlers.Event = e.committer.Results(e.settings.New.AETitle)
	}
	return &dimse.Server{
		AETitle: e.settings.Node.AETitle, TLS: config, Admit: admission(e.settings.Node),
		Handlers:        handlers,
		MaxAssociations: e.settings.Node.MaxAssociations, Logger: e.log,
	}, nil
}

// newCommitter asks NEW for storage commitment as new.commitment says. It listens
// on the associations to NEW as well as on our port.
func (e *engine) newCommitter() *bridge.Committer {
	if e.settings.New.Commitment == conf.CommitmentOff {
		return nil
	}
	committer := bridge.NewCommitter(bridge.CommitterOptions{New: e.new, Book: e.db, Studies: e.db,
		Require: e.settings.New.Commitment == conf.CommitmentRequire, Logger: e.log})
	e.new.Dialer.Events = committer.Results("")
	return committer
}

// admission lets in the AE titles of node.admit, from their addresses, that call
// us by our title. Others are rejected with 1/1/3 and 1/1/7 (PS3.8 table 9-21).
func admission(node conf.Node) func(dimse.AssociateRequest) error {
	return func(r dimse.AssociateRequest) error {
		if r.CalledAE != node.AETitle {
			return dimse.RejectCalledAE
		}
		from := address(r.RemoteAddr)
		for _, admit := range node.Admit {
			if admit.Allows(r.CallingAE, from) {
				return nil
			}
		}
		return dimse.RejectCallingAE
	}
}

func address(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}

func (e *engine) newMigrator(inbox *bridge.Inbox) (*bridge.Migrator, error) {
	var err error
	if e.stores, err = openStores(e.settings); err != nil {
		return nil, err
	}
	m, keeper := e.settings.Migration, e.keeper(e.spool)
	return &bridge.Migrator{
		Node: e.node, Claims: e.db, Old: e.old, Spool: e.spool, Early: m.Delivery == conf.StartEarly,
		Collect:  e.newCollector(inbox),
		Compose:  e.newComposer(),
		Deliver:  &bridge.Deliverer{New: e.new, Spool: e.spool, Throttle: bridge.NewThrottle(int64(e.settings.New.Rate))},
		Archive:  keeper,
		Verify:   &bridge.Verifier{New: e.new, Archive: keeper, Commit: e.committer},
		Attempts: m.Attempts, Timeout: m.Timeout, Logger: e.log,
		OnHalt: func(err error) { e.halt(err) }, OnFailed: e.tell,
	}, nil
}

// openStores prepares the file stores of the old system; it calls on none.
func openStores(s *conf.Settings) (*fetch.Stores, error) {
	var locations []fetch.Store
	for _, store := range s.Legacy.Stores {
		locations = append(locations, fetch.Store{Name: store.Name, At: store.At.Reveal()})
	}
	stores, err := fetch.Open(locations)
	if err != nil {
		return nil, withHint(fmt.Errorf("open the file stores: %w", err), "see legacy.stores")
	}
	return stores, nil
}

// newCollector asks OLD by C-MOVE, and by C-GET for what that does not bring; or by
// C-GET alone.
func (e *engine) newCollector(inbox *bridge.Inbox) *bridge.Collector {
	get := &bridge.Getter{Peer: e.old, Into: inbox}
	c := &bridge.Collector{Old: get, Inbox: inbox, Spool: e.spool, Logger: e.log}
	if e.settings.Old.Retrieve == conf.RetrieveMove {
		get.Spare = true
		c.Old, c.Other = e.old, get
	}
	return c
}

// run is the node at work while work runs: it answers, it works the queue off.
// What its predecessor left in work goes back to be migrated first. When work
// ends, the studies in work are given back and everything is waited for.
func (e *engine) run(ctx context.Context, work func(context.Context) error) error {
	ctx, e.halt = context.WithCancelCause(ctx)
	defer e.halt(nil)
	group, ctx := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	group.Go(func() error { return e.server.Serve(serving, e.listener) })
	if e.dashboard != nil {
		group.Go(func() error { return e.dashboard.run(serving) })
	}
	if e.committer != nil {
		group.Go(func() error {
			e.committer.Run(serving)
			return nil
		})
	}
	group.Go(func() error {
		defer stopServing()
		if err := e.prepare(ctx); err != nil {
			return err
		}
		err := e.beside(ctx, e.caretaker.Run, work)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return errors.Join(err, e.stop())
	})
	err := group.Wait()
	return errors.Join(err, e.spool.Close())
}

// beside runs work with something beside it, which ends when the work does and
// whose error ends the work.
func (e *engine) beside(ctx context.Context, other, work func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	ctx, done := context.WithCancel(ctx)
	group.Go(func() error { return other(ctx) })
	group.Go(func() error {
		defer done()
		return work(ctx)
	})
	return group.Wait()
}

func (e *engine) prepare(ctx context.Context) error {
	for _, peer := range []*bridge.Peer{e.old, e.new} {
		if err := peer.Echo(ctx); err != nil {
			return err
		}
	}
	reclaimed, err := e.db.Reclaim(ctx, e.node, true)
	if err != nil {
		return err
	}
	if reclaimed > 0 {
		e.log.Info("studies that were in work when the node stopped go back to the queue", "studies", reclaimed)
	}
	return e.queue.Start(context.WithoutCancel(ctx))
}

// stop ends the workers, which give their studies back.
func (e *engine) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*farewell)
	defer cancel()
	err := e.queue.Stop(ctx)
	if e.committer != nil {
		e.committer.Drain(ctx)
	}
	_, reclaim := e.db.Reclaim(ctx, e.node, true)
	return errors.Join(err, reclaim, e.stores.Close(ctx))
}
