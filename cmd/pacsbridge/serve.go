package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
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
				engine.dispatcher.Begun = true
				return engine.run(ctx, engine.serve)
			})
		},
	}
}

// serve is a node to which orders may be given: it says that it lives, until the context
// ends.
func (e *engine) serve(ctx context.Context) error {
	if err := e.db.Register(ctx, e.node, e.listener.Addr().String()); err != nil {
		return fmt.Errorf("register as a node: %w", err)
	}
	defer e.leave()
	e.log.Info("serving", "ae", e.settings.Node.AETitle, "listen", e.listener.Addr().String(), "node", e.node)
	beat := time.NewTicker(signOfLife)
	defer beat.Stop()
	for {
		select {
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
