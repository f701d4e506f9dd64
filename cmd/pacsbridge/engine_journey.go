package main

import (
	"fmt"
	"path/filepath"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/nondicom/fetch"
)

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
		Deliver:  &bridge.Deliverer{New: e.new, Spool: e.spool, Rules: e.rules, Throttle: bridge.NewThrottle(int64(e.settings.New.Rate))},
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
	c := &bridge.Collector{Old: get, Inbox: inbox, Spool: e.spool, Forward: e.forwarder, Logger: e.log}
	if e.settings.Old.Retrieve == conf.RetrieveMove {
		get.Spare = true
		c.Old, c.Other = e.old, get
	}
	return c
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

// newDecompressor runs the program of new.decompress; nil without one.
func (e *engine) newDecompressor() (*bridge.Decompressor, error) {
	words := e.settings.New.Decompress.Words()
	if len(words) == 0 {
		return nil, nil
	}
	d := &bridge.Decompressor{Command: words, Dir: filepath.Join(e.settings.Staging.Spool, "decompress"), Room: e.spool.Room}
	if err := d.Check(); err != nil {
		return nil, withHint(err, decompressHint)
	}
	return d, d.Open()
}

const decompressHint = "see new.decompress; dcmdjpeg is of dcmtk, gdcmconv of libgdcm-tools"
