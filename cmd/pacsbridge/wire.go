package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/archive"
	"pacsbridge/staging"
)

// rig is what the commands that look at both archives need, opened from the
// settings: the ledger, the two PACS, the legacy database. This file and
// engine.go alone know all rooms of the house.
type rig struct {
	settings *conf.Settings
	log      *slog.Logger
	db       *staging.DB
	old, new *bridge.Peer
	legacy   *nondicom.Legacy // nil where there is none
	archive  *archive.Archive // nil where nothing goes there
	rules    bridge.Rules     // what changes on the way
	staged   func()           // wakes whoever works on what the inventory stages; nil: nobody does
}

// withRig sets the rig up for the time of work.
func (p *program) withRig(ctx context.Context, work func(*rig) error) error {
	settings, err := p.settings()
	if err != nil {
		return err
	}
	return p.openLedger(ctx, settings, func(db *staging.DB) error { return p.furnish(ctx, settings, db, work) })
}

// furnish opens what stands beside the ledger.
func (p *program) furnish(ctx context.Context, settings *conf.Settings, db *staging.DB, work func(*rig) error) error {
	r := &rig{settings: settings, log: p.log, db: db}
	var err error
	if r.old, err = newPeer("old", settings, settings.Old.Peer, db, p.log); err != nil {
		return err
	}
	r.old.ListClasses = settings.Old.Retrieve == conf.RetrieveGet
	if r.new, err = newPeer("new", settings, settings.New.Peer, db, p.log); err != nil {
		return err
	}
	if r.rules, err = newRules(settings); err != nil {
		return err
	}
	if r.legacy, err = openLegacy(ctx, settings); err != nil {
		return err
	}
	if r.archive, err = openArchive(settings); err != nil {
		return err
	}
	return errors.Join(r.explain(work(r)), r.close())
}

func (r *rig) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	errs := []error{r.old.Close(ctx), r.new.Close(ctx), r.archive.Close(ctx)}
	if r.legacy != nil {
		errs = append(errs, r.legacy.Close())
	}
	if err := errors.Join(errs...); err != nil {
		r.log.Debug("closing down", "error", err)
	}
	return nil
}

// farewell is how long peers may take to say good-bye.
const farewell = 3 * time.Second

// askedWindow is how many C-STOREs we ask to have open at once on an association.
// Over a distance it saves the round trips; a PACS that grants none gets one by one.
const askedWindow = 16

// newPeer makes one of the two PACS from its settings. The nodes of a cluster tell one
// another in the ledger when it is in trouble.
func newPeer(name string, s *conf.Settings, settings conf.Peer, troubles bridge.Troubles, log *slog.Logger) (*bridge.Peer, error) {
	dialer, err := peerOf(name, s, settings).dialer(log)
	if err != nil {
		return nil, err
	}
	dialer.AsyncWindow = askedWindow
	return bridge.NewPeer(bridge.PeerOptions{
		Name: name, Dialer: *dialer, Associations: settings.Associations, Destination: s.Node.AETitle, Troubles: troubles, Logger: log,
	}), nil
}

// openLegacy opens the old system's database; nil without one.
func openLegacy(ctx context.Context, s *conf.Settings) (*nondicom.Legacy, error) {
	if !s.Legacy.Enabled() {
		return nil, nil
	}
	legacy, err := nondicom.OpenLegacy(ctx, nondicom.LegacyOptions{
		URL: s.Legacy.URL.Reveal(), Records: s.Legacy.Records, Attachments: s.Legacy.Attachments,
		Charset: s.Legacy.Charset, Batch: s.Migration.Batch,
	})
	if err != nil {
		return nil, withHint(fmt.Errorf("open the legacy database %s: %w", s.Legacy.URL, err),
			"see legacy.url, and whether its user may read the tables that legacy.records names")
	}
	return legacy, nil
}

// inventory takes stock of OLD and the legacy database into the ledger.
func (r *rig) inventory() *bridge.Inventory {
	v := &bridge.Inventory{
		Old: r.old, Register: r.db, Step: r.settings.Migration.Window, Batch: r.settings.Migration.Batch, OnStaged: r.staged, Logger: r.log,
	}
	if r.legacy != nil {
		v.Legacy = r.legacy
	}
	return v
}

// reconciler compares OLD, the ledger and NEW.
func (r *rig) reconciler() *bridge.Reconciler {
	return &bridge.Reconciler{Finder: bridge.NewWholeFinder(r.old, 0, r.log), Old: r.old, New: r.new, Books: r.db, Archive: r.keeper(nil), Legacy: r.legacy != nil}
}

// explain adds to an error that one of the PACS made what may help.
func (r *rig) explain(err error) error {
	var hinted *hintedError
	var at *bridge.PeerError
	if errors.As(err, &hinted) || !errors.As(err, &at) {
		return err
	}
	p := peerOf("old", r.settings, r.settings.Old.Peer)
	if at.Peer == "new" {
		p = peerOf("new", r.settings, r.settings.New.Peer)
	}
	var destination *bridge.DestinationError
	var unmoved *bridge.UnmovedError
	if errors.As(err, &destination) || errors.As(err, &unmoved) {
		return withHint(err, fmt.Sprintf("register %s at the old PACS as a C-MOVE destination, with this machine's address and the port of node.listen (%s)",
			r.settings.Node.AETitle, r.settings.Node.Listen))
	}
	var noGet *bridge.GetNotOfferedError
	if errors.As(err, &noGet) {
		return withHint(err, "have C-GET allowed at the old PACS for "+r.settings.Node.AETitle+", or set old.retrieve to move")
	}
	var none *bridge.NoCommitmentError
	if errors.As(err, &none) {
		return withHint(err, "have storage commitment switched on at the new PACS for "+r.settings.Node.AETitle+", or set new.commitment to auto")
	}
	return withHint(err, p.hint(err))
}
