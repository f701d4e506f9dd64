package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// planFlags are what the plan command is asked.
type planFlags struct {
	scope           scopeFlags
	ask             int
	offline, asJSON bool
}

func newPlanCommand(p *program) *cobra.Command {
	var flags planFlags
	command := &cobra.Command{
		Use:   "plan",
		Short: "Tell how much there is to migrate, and what the new PACS would refuse",
		Long: "Tell how much a range holds by modality and department, what the new PACS would refuse of it, and how\n" +
			"long it takes at the rates of the settings. The studies are those in the ledger: run pacsbridge discover\n" +
			"first. Sizes are those of instances that were received; the rest is estimated from their mean. The old\n" +
			"PACS is asked for the instances of a few studies, and the contexts are proposed to the new one.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			scope, err := flags.scope.scope()
			if err != nil {
				return err
			}
			if flags.ask < 0 {
				return usagef("--ask %d is no number of studies", flags.ask)
			}
			return p.withRig(command.Context(), func(r *rig) error { return r.plan(command.Context(), p.stdout, scope, flags) })
		},
	}
	flags.scope.addFlags(command.Flags())
	command.Flags().IntVar(&flags.ask, "ask", 3, "list so many studies of each department and modality at the old PACS, to learn their SOP classes")
	command.Flags().BoolVar(&flags.offline, "offline", false, "from the ledger alone: ask neither PACS")
	command.Flags().BoolVar(&flags.asJSON, "json", false, "print one JSON object")
	return command
}

func (r *rig) plan(ctx context.Context, w io.Writer, scope staging.Scope, flags planFlags) error {
	planner := &bridge.Planner{Ledger: r.db, Ask: flags.ask, Rate: leastRate(int64(r.settings.Old.Rate), int64(r.settings.New.Rate))}
	if !flags.offline {
		planner.Old, planner.New = r.old, r.new
		r.old.ListClasses = true
	}
	plan, err := planner.Plan(ctx, scope)
	if err != nil {
		return err
	}
	if flags.asJSON {
		return printJSON(w, plan)
	}
	return printPlan(w, plan)
}

// leastRate is the smaller of two bounds; zero is none.
func leastRate(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

func printPlan(w io.Writer, plan bridge.Plan) error {
	if plan.Total.Studies == 0 {
		_, err := fmt.Fprintln(w, "the ledger holds no study of this range: run pacsbridge discover first")
		return err
	}
	rows := [][]string{{"DEPARTMENT", "MODALITY", "STUDIES", "INSTANCES", "BYTES"}}
	for _, g := range plan.Groups {
		rows = append(rows, planRow(orText(g.Department, "-"), orText(strings.ReplaceAll(g.Modality, `\`, "+"), "-"), g.PlanCounts))
	}
	rows = append(rows, planRow("all", "", plan.Total), planRow("not migrated yet", "", plan.Left))
	if err := printTable(w, rows); err != nil {
		return err
	}
	if plan.Total.Uncounted > 0 {
		fmt.Fprintf(w, "%s of which the old PACS does not say how many instances they have\n", count(plan.Total.Uncounted, "study", "studies"))
	}
	if err := printObjects(w, plan); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "forecast:", forecast(plan))
	return err
}

func planRow(department, modality string, c bridge.PlanCounts) []string {
	size := "unknown"
	switch {
	case c.Instances == 0, c.Sized >= c.Instances && c.Uncounted == 0:
		size = humanBytes(c.Bytes)
	case c.Estimate > 0:
		size = "about " + humanBytes(c.Estimate)
	}
	return []string{department, modality, strconv.Itoa(c.Studies), strconv.Itoa(c.Instances), size}
}

// printObjects tells what NEW refuses: for certain, or should OLD send it so.
func printObjects(w io.Writer, plan bridge.Plan) error {
	taken := 0
	rows := [][]string{{"REFUSED BY THE NEW PACS", "TRANSFER SYNTAX", "INSTANCES"}}
	for _, o := range plan.Objects {
		switch {
		case o.Taken == nil:
			continue
		case *o.Taken:
			taken++
			continue
		}
		instances := strconv.Itoa(o.Instances)
		if o.Presumed {
			instances = "if the old PACS sends any so"
		}
		rows = append(rows, []string{o.Name, o.Syntax, instances})
	}
	switch {
	case len(rows) > 1:
		return printTable(w, rows)
	case taken > 0:
		_, err := fmt.Fprintf(w, "the new PACS takes all of %s\n", count(taken, "sort of object", "sorts of objects"))
		return err
	}
	_, err := fmt.Fprintln(w, "what the new PACS would refuse is not known: no instance is known, or it was not asked")
	return err
}

func forecast(plan bridge.Plan) string {
	what := fmt.Sprintf("%s, %s", count(plan.Left.Studies, "study", "studies"), count(plan.Left.Instances, "instance", "instances"))
	if plan.Left.Estimate > 0 {
		what += ", about " + humanBytes(plan.Left.Estimate)
	}
	switch {
	case plan.Left.Studies == 0:
		return "nothing is left to migrate"
	case plan.Left.Estimate == 0 && plan.Left.Instances > 0:
		return what + "; sizes are not known before some studies have been migrated"
	case plan.Seconds == 0:
		return what + "; old.rate and new.rate are not bounded, so that the time is not known"
	}
	return what + "; " + time.Duration(plan.Seconds*float64(time.Second)).Round(time.Second).String() + " at the rates of the settings, if the archives keep up"
}
