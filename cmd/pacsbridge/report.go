package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"pacsbridge/staging"
)

func newReportCommand(p *program) *cobra.Command {
	var scope scopeFlags
	var format string
	command := &cobra.Command{
		Use:   "report",
		Short: "Print every item of the ledger with its outcome",
		Long: "Print one line an instance, record and attachment: its state, and the size and digest of its content.\n" +
			"The state is done only for what is proven at its target.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := scope.scope()
			if err != nil {
				return err
			}
			if err := checkFormat(format); err != nil {
				return err
			}
			return p.withLedger(command.Context(), func(db *staging.DB) error {
				return printReport(command.Context(), p.stdout, db, s)
			})
		},
	}
	scope.addFlags(command.Flags())
	command.Flags().StringVar(&format, "format", "jsonl", "jsonl: one JSON object a line")
	return command
}

func checkFormat(format string) error {
	switch format {
	case "jsonl":
		return nil
	case "html", "csv", "json":
		return withHint(usagef("--format %s is not available yet", format), "use --format jsonl")
	}
	return usagef("--format %q is unknown: use jsonl", format)
}

func printReport(ctx context.Context, w io.Writer, db *staging.DB, s staging.Scope) error {
	buffered := bufio.NewWriter(w)
	for line, err := range db.Report(ctx, s) {
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		if err := printJSON(buffered, line); err != nil {
			return err
		}
	}
	return buffered.Flush()
}
