package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// verifyFlags are what the verify command is asked.
type verifyFlags struct {
	scope          scopeFlags
	asJSON, repair bool

	sample int
	seed   uint64

	deep    bool
	control string
	allow   []string
}

func newVerifyCommand(p *program) *cobra.Command {
	var flags verifyFlags
	command := &cobra.Command{
		Use:   "verify",
		Short: "Compare OLD, the ledger and NEW as they are now, UID by UID, and the contents with --deep",
		Long: "Compare OLD, the ledger and NEW as they are now, UID by UID: the studies of the ledger and, with --from and\n" +
			"--to or --study, those that OLD has and the ledger lacks. Exit code 3 when something is missing, too\n" +
			"much or changed; findings about the old system (ghost, orphan, no-date) are listed and do not count\n" +
			"against it. With --deep each object is retrieved from NEW and its digest compared with that of the\n" +
			"ledger; where it is another, attributes and pixels are compared with what OLD sends anew. NEW is asked\n" +
			"by C-GET, or by C-MOVE where it must know our AE title as a destination and no serve may be running.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := flags.usable(command.Flags().Changed); err != nil {
				return err
			}
			return p.withRig(command.Context(), func(r *rig) error { return r.verify(command.Context(), p.stdout, &flags) })
		},
	}
	flags.scope.addFlags(command.Flags())
	set := command.Flags()
	set.BoolVar(&flags.asJSON, "json", false, "print one JSON object")
	set.BoolVar(&flags.repair, "repair", false, "put the studies back to be migrated of which something is missing")
	set.IntVar(&flags.sample, "sample", 0, "compare only so many studies of the ledger, chosen at random")
	set.Uint64Var(&flags.seed, "seed", 0, "with --sample: the same number chooses the same studies; told when it is left out")
	set.BoolVar(&flags.deep, "deep", false, "retrieve from NEW and compare content")
	set.StringVar(&flags.control, "control", "", "with --deep: folder of DICOM files to compare with in place of OLD")
	set.StringArrayVar(&flags.allow, "allow", nil, "with --deep: an attribute that NEW may change, as IssuerOfPatientID or 0010,0021")
	return command
}

// usable checks the flags; changed tells which were given.
func (f *verifyFlags) usable(changed func(string) bool) error {
	switch {
	case changed("sample") && f.sample < 1:
		return usagef("--sample %d is no number of studies", f.sample)
	case changed("seed") && f.sample == 0:
		return usagef("--seed needs --sample")
	case !f.deep && (f.control != "" || len(f.allow) > 0):
		return usagef("--control and --allow need --deep")
	}
	if f.sample > 0 && !changed("seed") {
		f.seed = rand.Uint64N(1 << 32)
	}
	return nil
}

// verify compares, repairs where it is asked to, and prints the outcome.
func (r *rig) verify(ctx context.Context, w io.Writer, flags *verifyFlags) error {
	scope, err := flags.scope.scope()
	if err != nil {
		return err
	}
	if (scope.From == "") != (scope.To == "") {
		return usagef("verify takes both --from and --to: the old PACS is asked for the studies between them")
	}
	windows, err := r.windows(scope)
	if err != nil {
		return err
	}
	reconciler := r.reconciler()
	if flags.sample > 0 {
		reconciler.Sample = &bridge.Sample{Size: flags.sample, Seed: flags.seed}
	}
	compare := func(ctx context.Context) (result bridge.Reconciliation, err error) {
		if result, err = reconciler.Range(ctx, scope, windows); err == nil && flags.repair {
			err = reconciler.Repair(ctx, r.db, &result)
		}
		return result, err
	}
	var result bridge.Reconciliation
	if flags.deep {
		err = r.withContents(ctx, flags, func(ctx context.Context, contents *bridge.Contents) error {
			reconciler.Contents = contents
			result, err = compare(ctx)
			return err
		})
	} else {
		result, err = compare(ctx)
	}
	if err != nil {
		return err
	}
	if err := printReconciliation(w, result, flags.asJSON); err != nil {
		return err
	}
	if !flags.asJSON && windows == nil && len(scope.StudyUIDs) == 0 {
		fmt.Fprintln(w, "these are the ledger's studies; --from and --to ask the old PACS for others as well")
	}
	if wrong := result.Studies - result.Complete; wrong > 0 {
		return incompletef("%s not complete", count(wrong, "study is", "studies are"))
	}
	return nil
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
	if s := result.Sample; s != nil {
		fmt.Fprintf(w, "a sample of %d: the same one again with --sample %d --seed %d\n", s.Of, s.Size, s.Seed)
	}
	if n := len(result.ByCount); n > 0 {
		fmt.Fprintf(w, "%s compared by count only: a PACS counts the instances and does not list them\n", count(n, "study was", "studies were"))
	}
	if n := result.Content; n != nil {
		fmt.Fprintf(w, "content of %s: %d identical, %d encoded anew and equal, %d changed as allowed, %d different\n",
			count(n.Compared, "object", "objects"), n.Identical, n.Equal, n.Allowed, n.Differ)
	}
	if len(result.Differences) > 0 {
		rows := [][]string{{"KIND", "STUDY", "UID", "DETAIL"}}
		for _, d := range result.Differences {
			rows = append(rows, []string{string(d.Kind), d.StudyUID, d.UID, d.Detail})
		}
		if err := printTable(w, rows); err != nil {
			return err
		}
	}
	if len(result.Repaired) > 0 {
		fmt.Fprintf(w, "%s back to be migrated: by a running serve, or by pacsbridge migrate\n",
			count(len(result.Repaired), "study goes", "studies go"))
	}
	return nil
}
