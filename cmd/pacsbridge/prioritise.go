package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pacsbridge/staging"
)

func newPrioritiseCommand(p *program) *cobra.Command {
	var wanted staging.Selection
	var priority int
	var asJSON bool
	command := &cobra.Command{
		Use:   "prioritise",
		Short: "Migrate the studies of a patient, an accession number or a UID next",
		Long: "Migrate the studies of a patient, an accession number or a UID next: they overtake all others on every node.\n" +
			"Only studies that the ledger knows; to have others fetched, use migrate --patient and its like.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if wanted == (staging.Selection{}) {
				return usagef("name what goes next: --study, --patient or --accession")
			}
			ctx := command.Context()
			return p.withLedger(ctx, func(db *staging.DB) error {
				n, err := db.Prioritise(ctx, wanted, priority)
				if err != nil {
					return fmt.Errorf("prioritise: %w", err)
				}
				if asJSON {
					return printJSON(p.stdout, map[string]int{"studies": n})
				}
				_, err = fmt.Fprintf(p.stdout, "%s with priority %d\n", count(n, "study", "studies"), priority)
				return err
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&wanted.StudyUID, "study", "", "Study Instance UID")
	flags.StringVar(&wanted.PatientID, "patient", "", "patient ID: all studies of the patient")
	flags.StringVar(&wanted.AccessionNumber, "accession", "", "accession number")
	flags.IntVar(&priority, "priority", staging.Urgent, "greater goes first; 0 is usual, less than 0 goes last")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}
