package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pacsbridge/staging"
)

func newFailedCommand(p *program) *cobra.Command {
	var scope scopeFlags
	var class classFlag
	var leftBehind, asJSON bool
	command := &cobra.Command{
		Use:   "failed",
		Short: "List the studies that failed, why, and what may help",
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
				studies, err := db.Failed(command.Context(), s)
				if err != nil {
					return fmt.Errorf("list failed studies: %w", err)
				}
				studies = chooseFailed(studies, class.class(), leftBehind)
				switch {
				case asJSON:
					return printJSON(p.stdout, studies)
				case leftBehind:
					return printLeftBehind(p.stdout, studies)
				}
				return printFailed(p.stdout, studies)
			})
		},
	}
	scope.addFlags(command.Flags())
	class.addFlag(command.Flags())
	command.Flags().BoolVar(&leftBehind, "left-behind", false, "list the instances that failed studies left at the new PACS")
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return command
}

// classFlag is --class, one of the ledger's error classes.
type classFlag struct{ text string }

func (c *classFlag) addFlag(flags *pflag.FlagSet) {
	flags.StringVar(&c.text, "class", "", "only this error class, such as network or incomplete")
}

func (c *classFlag) class() staging.Class { return staging.Class(c.text) }

func (c *classFlag) check() error {
	if c.text == "" || slices.Contains(staging.Classes, c.class()) {
		return nil
	}
	names := make([]string, len(staging.Classes))
	for i, class := range staging.Classes {
		names[i] = string(class)
	}
	return usagef("--class %q is not one of: %s", c.text, strings.Join(names, ", "))
}

// chooseFailed keeps the studies of the class, if there is one, and makes
// every list a list, since a script must not meet null.
func chooseFailed(all []staging.FailedStudy, class staging.Class, leftBehind bool) []staging.FailedStudy {
	chosen := []staging.FailedStudy{}
	for _, study := range all {
		if class != "" && study.Class != class || leftBehind && len(study.LeftBehind) == 0 {
			continue
		}
		if study.LeftBehind == nil {
			study.LeftBehind = []string{}
		}
		chosen = append(chosen, study)
	}
	return chosen
}

// printFailed prints a block a study.
func printFailed(w io.Writer, studies []staging.FailedStudy) error {
	for _, s := range studies {
		fmt.Fprintf(w, "%s%s\n", printable(s.StudyUID), origin(s))
		fmt.Fprintf(w, "  %s after %s: %s\n", s.Class, count(s.Attempts, "attempt", "attempts"), printable(s.Reason))
		if hint := failureHints[s.Class]; hint != "" {
			fmt.Fprintf(w, "  hint: %s\n", hint)
		}
		if len(s.LeftBehind) > 0 {
			fmt.Fprintf(w, "  left at the new PACS: %s (see --left-behind)\n", count(len(s.LeftBehind), "instance", "instances"))
		}
	}
	_, err := fmt.Fprintln(w, count(len(studies), "study failed", "studies failed"))
	return err
}

// origin says where a person finds the study in the old system.
func origin(s staging.FailedStudy) string {
	var known []string
	for _, part := range []struct{ name, value string }{
		{"accession", s.AccessionNumber}, {"record", s.StudyKey}, {"department", s.Department},
	} {
		if part.value != "" {
			known = append(known, part.name+" "+printable(part.value))
		}
	}
	if len(known) == 0 {
		return ""
	}
	return "  (" + strings.Join(known, ", ") + ")"
}

// printLeftBehind prints a line an instance, its study first, for use in
// other tools.
func printLeftBehind(w io.Writer, studies []staging.FailedStudy) error {
	for _, s := range studies {
		for _, instance := range s.LeftBehind {
			if _, err := fmt.Fprintln(w, printable(s.StudyUID), printable(instance)); err != nil {
				return err
			}
		}
	}
	return nil
}

// failureHints tell a person what usually helps with each class.
var failureHints = map[staging.Class]string{
	staging.PeerRefused:       "a PACS said no: see its log and run pacsbridge check, then pacsbridge retry",
	staging.PeerBusy:          "a PACS stayed out of resources: give it time or lower its associations, then pacsbridge retry",
	staging.Network:           "the connection did not hold: run pacsbridge check, then pacsbridge retry",
	staging.Incomplete:        "the old PACS lists instances that it does not send: look at them there, then pacsbridge retry",
	staging.TargetRefused:     "the new PACS does not take this SOP class or transfer syntax: have it enabled there, then pacsbridge retry",
	staging.Data:              "the old PACS sent something malformed: have it repaired there, then pacsbridge retry",
	staging.AttachmentMissing: "the file is not where the legacy database says: see legacy.stores, then pacsbridge retry",
	staging.Mismatch:          "content differs from what was promised: compare both ends before pacsbridge retry",
	staging.Timeout:           "it took longer than migration.timeout: raise it for large studies, then pacsbridge retry",
	staging.Internal:          "this should not happen: please report it with the log of a run with --verbose",
}
