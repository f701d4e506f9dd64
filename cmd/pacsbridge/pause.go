package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pacsbridge/conf"
	"pacsbridge/staging"
)

func newPauseCommand(p *program) *cobra.Command {
	var departments []string
	var asJSON bool
	command := &cobra.Command{
		Use:   "pause",
		Short: "Open no more studies, of a department or at all",
		Long: "Open no more studies, of a department or at all, on every node, until resume; a restart changes nothing.\n" +
			"Studies in work come to their end. The inventory goes on.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			settings, err := p.settings()
			if err != nil {
				return err
			}
			return p.openLedger(ctx, settings, func(db *staging.DB) error {
				if err := p.wantKnown(ctx, db, settings, departments); err != nil {
					return err
				}
				if err := db.Pause(ctx, departments...); err != nil {
					return fmt.Errorf("pause: %w", err)
				}
				paused, err := db.Paused(ctx)
				if err != nil {
					return fmt.Errorf("read what is paused: %w", err)
				}
				if asJSON {
					return printJSON(p.stdout, map[string][]string{"paused": namesOf(paused)})
				}
				_, err = fmt.Fprintln(p.stdout, "paused:", strings.Join(namesOf(paused), ", "))
				return err
			})
		},
	}
	command.Flags().StringArrayVar(&departments, "department", nil, "only this department; may be given several times")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

// wantKnown warns of departments that neither the settings nor the ledger name: a name
// that is mistyped pauses nothing.
func (p *program) wantKnown(ctx context.Context, db *staging.DB, settings *conf.Settings, departments []string) error {
	if len(departments) == 0 {
		return nil
	}
	groups, err := db.StatusBy(ctx, staging.Scope{}, staging.ByDepartment)
	if err != nil {
		return fmt.Errorf("read the departments: %w", err)
	}
	known := names(queues(settings))
	for _, g := range groups {
		known = append(known, g.Name)
	}
	for _, department := range departments {
		if !slices.Contains(known, department) {
			p.log.Warn("neither the settings nor the ledger know this department yet", "department", department, "known", strings.Join(known, ", "))
		}
	}
	return nil
}

func newResumeCommand(p *program) *cobra.Command {
	var departments []string
	var asJSON bool
	command := &cobra.Command{
		Use:   "resume",
		Short: "End a pause, of a department or all of them",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			return p.withLedger(ctx, func(db *staging.DB) error {
				ended, err := db.Resume(ctx, departments...)
				if err != nil {
					return fmt.Errorf("resume: %w", err)
				}
				if asJSON {
					return printJSON(p.stdout, map[string]int{"resumed": ended})
				}
				_, err = fmt.Fprintln(p.stdout, count(ended, "pause", "pauses"), "ended")
				return err
			})
		},
	}
	command.Flags().StringArrayVar(&departments, "department", nil, "only this department; may be given several times")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

// namesOf names what is paused; "*" is everything.
func namesOf(pauses []staging.Pause) []string {
	names := make([]string, len(pauses))
	for i, pause := range pauses {
		names[i] = pause.Department
	}
	return names
}
