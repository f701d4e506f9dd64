package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
)

// withContents makes ready what compares contents, for the time of work: our own SCP,
// where its port is free, and the two PACS, or a folder in place of OLD.
func (r *rig) withContents(ctx context.Context, flags *verifyFlags, work func(context.Context, *bridge.Contents) error) error {
	allowed, err := bridge.AttributeNames(flags.allow)
	if err != nil {
		return usagef("--allow %w", err)
	}
	stores, err := openStores(r.settings)
	if err != nil {
		return err
	}
	defer stores.Close(context.WithoutCancel(ctx))
	contents := &bridge.Contents{Allowed: allowed, Files: stores, Rules: r.rules}
	listener, err := listen(r.settings)
	switch {
	case err == nil:
		contents.Desk = &bridge.Desk{}
		defer listener.Close()
	case errors.Is(err, errPortTaken):
		r.log.Info("another process holds our port, so that both PACS are asked by C-GET only", "listen", r.settings.Node.Listen)
	default:
		return err
	}
	contents.New = &bridge.Shelf{Peer: r.new, Other: r.settings.Old.AETitle, Get: true, Desk: contents.Desk, Logger: r.log}
	contents.Original = &bridge.Shelf{Peer: r.old, Other: r.settings.New.AETitle, Get: contents.Desk == nil, Desk: contents.Desk, Logger: r.log}
	if flags.control != "" {
		if contents.Original, err = bridge.OpenControl(flags.control); err != nil {
			return withHint(&exitError{exitUsage, err}, "see --control")
		}
	}
	compare := func(ctx context.Context) error { return work(ctx, contents) }
	if contents.Desk == nil {
		return r.explainContents(compare(ctx))
	}
	return r.explainContents(r.receiving(ctx, listener, contents.Desk, compare))
}

// receiving runs our SCP, which hands instances to store, while work runs.
func (r *rig) receiving(ctx context.Context, listener net.Listener, store dimse.StoreHandler, work func(context.Context) error) error {
	config, err := serverTLS(r.settings.Node.TLS)
	if err != nil {
		return fmt.Errorf("prepare TLS of node.listen: %w", err)
	}
	server := &dimse.Server{
		AETitle: r.settings.Node.AETitle, TLS: config, Admit: admission(r.settings.Node),
		Handlers:        dimse.Handlers{Store: store},
		MaxAssociations: r.settings.Node.MaxAssociations, Logger: r.log,
	}
	group, working := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group.Go(func() error { return server.Serve(serving, listener) })
	group.Go(func() error {
		defer stop()
		return work(working)
	})
	return group.Wait()
}

// explainContents adds what helps where NEW cannot send to us.
func (r *rig) explainContents(err error) error {
	var at *bridge.PeerError
	var destination *bridge.DestinationError
	switch {
	case errors.Is(err, bridge.ErrNoWay):
		return withHint(err, "stop the node that holds "+r.settings.Node.Listen+" for the time of the comparison, or have C-GET allowed for "+r.settings.Node.AETitle)
	case errors.As(err, &destination) && errors.As(err, &at) && at.Peer == "new":
		return withHint(err, "register "+r.settings.Node.AETitle+" at the new PACS as a C-MOVE destination, with this machine's address and the port of node.listen ("+
			r.settings.Node.Listen+"), or have C-GET allowed there")
	}
	return err
}
