package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

func newVerifyCommand(p *program) *cobra.Command {
	var scope scopeFlags
	var asJSON, deep bool
	command := &cobra.Command{
		Use:   "verify",
		Short: "Compare OLD, the ledger and NEW as they are now, UID by UID",
		Long: "Compare OLD, the ledger and NEW as they are now, UID by UID. Exit code 3 when something is missing or\n" +
			"too much; findings about the old system (ghost, orphan, no-date) are listed and do not count against it.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if deep {
				return usagef("--deep is not available yet")
			}
			ctx := command.Context()
			return p.withRig(ctx, func(r *rig) error {
				result, err := r.verify(ctx, &scope)
				if err != nil {
					return err
				}
				if err := printReconciliation(p.stdout, result, asJSON); err != nil {
					return err
				}
				if wrong := result.Studies - result.Complete; wrong > 0 {
					return incompletef("%s not complete", count(wrong, "study is", "studies are"))
				}
				return nil
			})
		},
	}
	scope.addFlags(command.Flags())
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	command.Flags().BoolVar(&deep, "deep", false, "retrieve from NEW and compare content (not available yet)")
	return command
}

func (r *rig) verify(ctx context.Context, flags *scopeFlags) (bridge.Reconciliation, error) {
	scope, err := flags.scope()
	if err != nil {
		return bridge.Reconciliation{}, err
	}
	windows, err := r.windows(scope)
	if err != nil {
		return bridge.Reconciliation{}, err
	}
	return r.reconciler().Range(ctx, scope, windows)
}

// windows are the stretches of a scope that OLD is asked about; none where the
// scope is open or names studies.
func (r *rig) windows(scope staging.Scope) ([]bridge.Window, error) {
	days := dayRange{scope.From, scope.To}
	from, to, err := days.days()
	if err != nil || from.IsZero() || to.IsZero() || len(scope.StudyUIDs) > 0 {
		return nil, err
	}
	return bridge.Windows(from, to, r.settings.Migration.Window), nil
}

func printReconciliation(w io.Writer, result bridge.Reconciliation, asJSON bool) error {
	if asJSON {
		return printJSON(w, result)
	}
	fmt.Fprintf(w, "%s compared, %d complete\n", count(result.Studies, "study", "studies"), result.Complete)
	if len(result.Differences) == 0 {
		return nil
	}
	rows := [][]string{{"KIND", "STUDY", "UID", "DETAIL"}}
	for _, d := range result.Differences {
		rows = append(rows, []string{string(d.Kind), d.StudyUID, d.UID, d.Detail})
	}
	return printTable(w, rows)
}
