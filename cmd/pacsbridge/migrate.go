package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"pacsbridge/staging"
)

// migration is what the migrate command was told.
type migration struct {
	selected selection
	noRetry  bool
	asJSON   bool
}

func newMigrateCommand(p *program) *cobra.Command {
	var m migration
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Migrate a range of days, or named studies, until nothing is left",
		Long: "Migrate a range of days, or named studies, until nothing is left. While it runs it is the node\n" +
			"itself; where a serve of the same staging database runs already, it hands the order to that one\n" +
			"and follows its progress. The same command goes on after an interruption, and moves nothing twice.",
		Example: "  pacsbridge migrate --from 2026-01-01 --to 2026-01-31\n" +
			"  pacsbridge migrate --study 1.2.840.113619.2.1",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			return p.withRig(ctx, func(r *rig) error { return p.migrate(ctx, r, &m) })
		},
	}
	m.selected.addFlags(command.Flags())
	command.Flags().BoolVar(&m.noRetry, "no-retry", false, "leave studies that failed before as they are")
	command.Flags().BoolVar(&m.asJSON, "json", false, "print the outcome as one JSON object, as status does")
	return command
}

// migrate carries the selection across, by itself or through a node that runs
// already, and prints how it ended.
func (p *program) migrate(ctx context.Context, r *rig, m *migration) error {
	order, err := m.selected.resolve(ctx, r)
	if err != nil {
		return err
	}
	if !m.noRetry {
		if err := p.retryFailed(ctx, r.db, order.scope); err != nil {
			return err
		}
	}
	run := r.asNode
	listener, err := listen(r.settings)
	switch {
	case errors.Is(err, errPortTaken):
		if _, alive := r.db.LiveNode(ctx, nodeAlive); alive != nil {
			return err
		}
		run = r.throughNode
	case err != nil:
		return err
	}
	progress := p.showProgress(ctx, r.db, order.scope)
	err = run(ctx, listener, order)
	progress.stop()
	if err != nil {
		return err
	}
	if err := p.showStatus(ctx, r.db, order.scope, m.asJSON); err != nil {
		return err
	}
	return verdict(ctx, r.db, order.scope)
}

// retryFailed puts the failed studies of a scope back, as each new run does.
func (p *program) retryFailed(ctx context.Context, db *staging.DB, scope staging.Scope) error {
	n, err := db.RetryFailed(ctx, scope, staging.RetryFilter{})
	if err != nil {
		return fmt.Errorf("put failed studies back: %w", err)
	}
	if n > 0 {
		p.log.Info("studies that failed before are tried again", "studies", n)
	}
	return nil
}

// asNode carries an order across as the node itself.
func (r *rig) asNode(ctx context.Context, listener net.Listener, o order) error {
	engine, err := newEngine(r, listener)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return engine.run(ctx, func(ctx context.Context) error { return engine.carry(ctx, o.scope) })
}

// verdict is the end of a run that went to its end: an error of its own where
// studies failed.
func verdict(ctx context.Context, db *staging.DB, scope staging.Scope) error {
	status, err := db.Status(ctx, scope)
	if err != nil {
		return err
	}
	if status.Studies.Failed > 0 {
		return withHint(incompletef("%s failed", count(status.Studies.Failed, "study", "studies")), "pacsbridge failed")
	}
	return nil
}
