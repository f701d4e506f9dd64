package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newDiscoverCommand(p *program) *cobra.Command {
	var selected selection
	var asJSON bool
	command := &cobra.Command{
		Use:   "discover",
		Short: "Take the inventory of a range of days into staging; moves nothing",
		Example: "  pacsbridge discover --from 2026-01-01 --to 2026-01-31\n" +
			"  pacsbridge discover --study 1.2.840.113619.2.1",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			return p.withRig(ctx, func(r *rig) error {
				order, err := selected.resolve(ctx, r)
				if err != nil {
					return err
				}
				if err := order.inventory(ctx); err != nil {
					return fmt.Errorf("take the inventory: %w", err)
				}
				return p.showStatus(ctx, r.db, order.scope, asJSON)
			})
		},
	}
	selected.addFlags(command.Flags())
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}
