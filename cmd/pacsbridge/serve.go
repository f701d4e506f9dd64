package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pacsbridge/staging"
)

func newServeCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Be the node: receive, and work orders off, until stopped",
		Long: "Be the node: the Storage SCP and the workers, until stopped. Orders come from migrate commands on the\n" +
			"same staging database. SIGTERM gives the studies in work back and ends within seconds.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			return p.withRig(ctx, func(r *rig) error {
				listener, err := listen(r.settings)
				if err != nil {
					return err
				}
				engine, err := newEngine(r, listener)
				if err != nil {
					return errors.Join(err, listener.Close())
				}
				begun := engine.dispatcher.Options
				begun.Begun = true
				engine.caretaker.Begun = &begun
				return engine.run(ctx, engine.serve)
			})
		},
	}
}

// serve takes orders as they come, each worked off beside the others, and gives a
// sign of life, until the context ends.
func (e *engine) serve(ctx context.Context) error {
	if err := e.db.Register(ctx, e.node, e.listener.Addr().String()); err != nil {
		return fmt.Errorf("register as a node: %w", err)
	}
	defer e.leave()
	e.log.Info("serving", "ae", e.settings.Node.AETitle, "listen", e.listener.Addr().String(), "node", e.node)
	var orders sync.WaitGroup
	defer orders.Wait()
	look := time.NewTicker(lookAtOrder)
	defer look.Stop()
	beat := time.NewTicker(signOfLife)
	defer beat.Stop()
	for {
		select {
		case <-look.C:
			next, err := e.db.NextOrder(ctx, e.node)
			if errors.Is(err, staging.ErrNotFound) {
				continue
			}
			var ledger *staging.Error
			if errors.As(err, &ledger) && ledger.Temporary() {
				e.log.Warn("look for an order", "error", err)
				continue
			}
			if err != nil {
				return fmt.Errorf("look for an order: %w", err)
			}
			orders.Go(func() { e.fulfil(ctx, next) })
		case <-beat.C:
			if err := e.db.Beat(ctx, e.node); err != nil {
				e.log.Warn("give a sign of life", "error", err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// leave signs the node off, so that nobody hands it orders.
func (e *engine) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if err := e.db.Leave(ctx, e.node); err != nil {
		e.log.Warn("sign off", "error", err)
	}
}

// fulfil works one order off and notes how it ended. An order that a stop of the
// node cut short stays open, for the next start.
func (e *engine) fulfil(ctx context.Context, o staging.Order) {
	e.log.Info("order taken", "order", o.ID)
	order, err := e.orderOf(o.Scope)
	if err == nil {
		err = e.carry(ctx, order.scope, order.inventory)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		e.log.Error("order ended with an error", "order", o.ID, "error", err)
	}
	err = e.db.FinishOrder(ctx, o.ID, e.node, err)
	if errors.Is(err, staging.ErrNotFound) {
		e.log.Warn("another node has the order, since this one gave no sign of life", "order", o.ID)
	} else if err != nil {
		e.log.Error("note the end of an order", "order", o.ID, "error", err)
	}
}

// orderOf makes a scope from the ledger ready. Named studies were staged by the
// command that submitted them.
func (e *engine) orderOf(scope staging.Scope) (order, error) {
	if len(scope.StudyUIDs) > 0 {
		return order{scope: scope, inventory: func(context.Context) error { return nil }}, nil
	}
	return rangeOrder(e.rig, scope)
}
