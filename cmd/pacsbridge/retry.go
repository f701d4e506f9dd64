package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pacsbridge/staging"
)

func newRetryCommand(p *program) *cobra.Command {
	var scope scopeFlags
	var class classFlag
	var asJSON bool
	command := &cobra.Command{
		Use:   "retry",
		Short: "Put failed studies back to be migrated",
		Long:  "Put failed studies back to be migrated by a running serve, or by the next migrate of their days.",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := scope.scope()
			if err != nil {
				return err
			}
			if err := class.check(); err != nil {
				return err
			}
			return p.withLedger(command.Context(), func(db *staging.DB) error {
				n, err := db.RetryFailed(command.Context(), s, staging.RetryFilter{Class: class.class()})
				if err != nil {
					return fmt.Errorf("put failed studies back: %w", err)
				}
				if asJSON {
					return printJSON(p.stdout, map[string]int{"studies": n})
				}
				_, err = fmt.Fprintln(p.stdout, count(n, "study", "studies"), "will be tried again")
				return err
			})
		},
	}
	scope.addFlags(command.Flags())
	class.addFlag(command.Flags())
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}
