package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/staging"
)

func newReportCommand(p *program) *cobra.Command {
	var scope scopeFlags
	var format string
	var lines int
	command := &cobra.Command{
		Use:   "report",
		Short: "Print what became of every instance, record and attachment, for people and auditors",
		Long: "Print what became of every instance, record and attachment of a range: its state, and the size and\n" +
			"digest of its content. The state is done only for what is proven at its target. jsonl and csv are a line\n" +
			"an item, json is the whole report with its totals, html is a page for people that needs nothing else.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := scope.scope()
			if err != nil {
				return err
			}
			write, known := reportFormats[format]
			if !known {
				return usagef("--format %q is unknown: use %s", format, strings.Join(reportFormatNames, ", "))
			}
			if lines < 0 {
				return usagef("--lines %d is no number of lines", lines)
			}
			settings, err := p.settings()
			if err != nil {
				return err
			}
			return p.withLedger(command.Context(), func(db *staging.DB) error {
				buffered := bufio.NewWriter(p.stdout)
				order := reportOrder{ledger: db, scope: s, made: time.Now(), settings: settings, lines: lines}
				if err := write(command.Context(), buffered, order); err != nil {
					return fmt.Errorf("report: %w", err)
				}
				return buffered.Flush()
			})
		},
	}
	scope.addFlags(command.Flags())
	command.Flags().StringVar(&format, "format", "jsonl", strings.Join(reportFormatNames, ", "))
	command.Flags().IntVar(&lines, "lines", 2000, "with html: at most so many items that are done, and so many that are not")
	return command
}

// reportOrder is what a report is asked to be about.
type reportOrder struct {
	ledger   bridge.Statements
	scope    staging.Scope
	made     time.Time
	settings *conf.Settings
	lines    int
}

// report counts the range and hands every item to visit.
func (o reportOrder) report(ctx context.Context, visit func(staging.ReportLine) error) (bridge.Report, error) {
	return bridge.NewReport(ctx, o.ledger, o.scope, o.made, visit)
}

// reportFormats write a report, each in its way.
var reportFormats = map[string]func(context.Context, io.Writer, reportOrder) error{
	"html":  writeReportHTML,
	"csv":   writeReportCSV,
	"json":  writeReportJSON,
	"jsonl": writeReportLines,
}

var reportFormatNames = []string{"html", "csv", "json", "jsonl"}

// writeReportLines writes one JSON object a line for each item.
func writeReportLines(ctx context.Context, w io.Writer, o reportOrder) error {
	for line, err := range o.ledger.Report(ctx, o.scope) {
		if err != nil {
			return err
		}
		if err := printJSON(w, line); err != nil {
			return err
		}
	}
	return nil
}
