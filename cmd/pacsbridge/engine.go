package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/dimse"
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
	cleaner    *bridge.Cleaner
	forwarder  *bridge.Forwarder       // nil unless node.unsolicited is forward
	failures   sync.Map                // errors of inventories that ended in this process, by order
	news       bell                    // rung when an order has come to its end
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
	e := &engine{rig: r, node: nodeName(r.settings, listener), listener: listener, news: make(bell, 1)}
	boundMemory()
	var err error
	if e.spool, err = spool.Open(spool.Options{Dir: r.settings.Staging.Spool, Memory: int64(r.settings.Staging.Memory), Logger: r.log}); err != nil {
		return nil, withHint(fmt.Errorf("open the spool in %s: %w", r.settings.Staging.Spool, err), "see staging.spool; the folder must be writable")
	}
	e.cleaner = &bridge.Cleaner{Ledger: r.db, Spool: e.spool, Logger: r.log}
	inbox, err := e.newInbox()
	if err != nil {
		return nil, err
	}
	if e.new.Decompress, err = e.newDecompressor(); err != nil {
		return nil, err
	}
	e.committer = e.newCommitter()
	if e.server, err = e.newServer(inbox); err != nil {
		return nil, err
	}
	migrator, err := e.newMigrator(inbox)
	if err != nil {
		return nil, err
	}
	departments := queues(r.settings)
	stock, windows := e.newStocktaker()
	e.queue, err = staging.NewQueue(r.db, staging.QueueOptions{Departments: departments, Logger: r.log,
		Windows: windows, Window: e.ringing(stock.Window), End: e.ringing(stock.End),
		Verifications: max(1, r.settings.New.Associations/2), Verify: e.ringing(migrator.Prove),
		Work: func(ctx context.Context, studyID int64) error {
			defer e.dispatcher.Working()()
			return migrator.Migrate(ctx, studyID)
		}})
	if err != nil {
		return nil, fmt.Errorf("make the queue: %w", err)
	}
	e.dispatch(departments)
	if e.dashboard, err = newDashboard(r.settings.Dashboard, r.db, r.log); err != nil {
		return nil, err
	}
	return e, nil
}

// ringing is work after which there may be more of its kind to queue.
func (e *engine) ringing(work func(context.Context, int64) error) func(context.Context, int64) error {
	return func(ctx context.Context, id int64) error {
		defer e.dispatcher.Ring()
		return work(ctx, id)
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
		err := e.beside(ctx, e.background, work)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return errors.Join(err, e.stop())
	})
	err := group.Wait()
	return errors.Join(err, e.spool.Close())
}

// background is what the node does of itself while it works.
func (e *engine) background(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range []func(context.Context) error{e.forwarder.Run, e.dispatcher.Run, e.caretaker.Run, e.cleaner.Run, e.newRechecker().Run} {
		group.Go(func() error { return part(ctx) })
	}
	return group.Wait()
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
	e.cleaner.Clean(ctx)
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
	return errors.Join(err, e.giveBack(), e.stores.Close(ctx))
}

// giveBack returns what the workers left in work. It has a time of its own: that of
// the workers may be used up.
func (e *engine) giveBack() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*farewell)
	defer cancel()
	_, err := e.db.Reclaim(ctx, e.node, true)
	return err
}
