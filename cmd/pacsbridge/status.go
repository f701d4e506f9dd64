package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"pacsbridge/staging"
)

func newStatusCommand(p *program) *cobra.Command {
	var scope scopeFlags
	var asJSON, audit bool
	command := &cobra.Command{
		Use:   "status",
		Short: "Count what the ledger holds, by state",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := scope.scope()
			if err != nil {
				return err
			}
			return p.withLedger(command.Context(), func(db *staging.DB) error {
				if audit {
					return p.showAudit(command.Context(), db, asJSON)
				}
				return p.showStatus(command.Context(), db, s, asJSON)
			})
		},
	}
	scope.addFlags(command.Flags())
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	command.Flags().BoolVar(&audit, "audit", false, "prove the counters and the states of the whole ledger against its rows")
	return command
}

// showAudit proves the ledger; what contradicts itself is an error of the run.
func (p *program) showAudit(ctx context.Context, db *staging.DB, asJSON bool) error {
	if err := db.Audit(ctx); err != nil {
		return withHint(err, "somebody has changed the database by hand, or its disk is damaged: keep a copy before anything else is done")
	}
	if asJSON {
		return printJSON(p.stdout, map[string]bool{"proven": true})
	}
	_, err := fmt.Fprintln(p.stdout, "the ledger adds up")
	return err
}

// showStatus counts the studies of a scope and prints the numbers.
func (p *program) showStatus(ctx context.Context, db *staging.DB, scope staging.Scope, asJSON bool) error {
	status, err := db.Status(ctx, scope)
	if err != nil {
		return fmt.Errorf("count the ledger: %w", err)
	}
	unsolicited, err := db.UnsolicitedStudies(ctx, scope)
	if err != nil {
		return fmt.Errorf("count what nobody asked for: %w", err)
	}
	if asJSON {
		return printJSON(p.stdout, newStatusReport(status, unsolicited))
	}
	if err := printStatus(p.stdout, status); err != nil {
		return err
	}
	if n := unsolicited; n.Studies > 0 {
		fmt.Fprintf(p.stdout, "of the studies, nobody asked for %d: %d migrated, %d failed\n", n.Studies, n.Migrated, n.Failed)
	}
	return p.showRest(ctx, db)
}

// statusReport is what status --json prints.
type statusReport struct {
	staging.Status
	Unsolicited *staging.UnsolicitedCounts `json:"unsolicited,omitempty"` // of the studies; where there are any
}

func newStatusReport(s staging.Status, unsolicited staging.UnsolicitedCounts) statusReport {
	if unsolicited.Studies == 0 {
		return statusReport{Status: s}
	}
	return statusReport{s, &unsolicited}
}

// showRest tells why studies are not opened, where that is so.
func (p *program) showRest(ctx context.Context, db *staging.DB) error {
	rest, err := restOf(ctx, db)
	for _, why := range rest {
		fmt.Fprintln(p.stdout, why)
	}
	return err
}

// restOf says why studies are not opened: what is paused, and which PACS is left alone.
func restOf(ctx context.Context, db *staging.DB) (why []string, err error) {
	paused, err := db.Paused(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is paused: %w", err)
	}
	for _, pause := range paused {
		what := "department " + pause.Department
		if pause.Department == staging.AllOthers {
			what = "everything"
		}
		why = append(why, fmt.Sprintf("paused: %s, since %s", what, pause.Since.Format(time.DateTime)))
	}
	troubled, err := db.Troubled(ctx)
	if err != nil {
		return why, fmt.Errorf("read which PACS rest: %w", err)
	}
	for _, peer := range troubled {
		why = append(why, fmt.Sprintf("the %s PACS is left alone for %s: %s since %s", peer.Name, peer.Rest.Round(time.Second), peer.Class, peer.Since.Format(time.DateTime)))
	}
	return why, nil
}

// printStatus prints a line a kind of thing: how many there are, and how far
// they have come.
func printStatus(w io.Writer, s staging.Status) error {
	n := strconv.Itoa
	in := func(number int, state string) string { return n(number) + " " + state }
	st := s.Studies
	studies := st.ToMigrate + st.Queued + st.Collecting + st.Delivering + st.Verifying + st.Migrated + st.Failed + st.Skipped
	return printTable(w, [][]string{
		{"studies", n(studies), in(st.Migrated, "migrated"), in(st.Failed, "failed"), in(st.Skipped, "skipped"), in(st.ToMigrate, "to-migrate")},
		{"in work", n(st.Queued + st.Collecting + st.Delivering + st.Verifying), in(st.Queued, "queued"), in(st.Collecting, "collecting"), in(st.Delivering, "delivering"), in(st.Verifying, "verifying")},
		{"instances", n(s.Instances.Expected), in(s.Instances.Received, "received"), in(s.Instances.Stored, "stored"), in(s.Instances.Verified, "verified")},
		{"records", n(s.Records.Expected), in(s.Records.Migrated, "migrated")},
		{"attachments", n(s.Attachments.Expected), in(s.Attachments.Migrated, "migrated"), in(s.Attachments.Failed, "failed")},
		{"content", humanBytes(s.Bytes)},
	})
}
