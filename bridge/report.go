package bridge

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"pacsbridge/staging"
)

// Report is the ledger of a range in numbers, for people and auditors. Its JSON,
// with the items behind it, is that of the report command.
type Report struct {
	Made    time.Time      `json:"made"`
	Range   staging.Scope  `json:"range"`
	Totals  staging.Status `json:"totals"`
	Tallies []Tally        `json:"days"`
	Errors  []ClassTally   `json:"errors"`

	Patients   *Patients   `json:"patients,omitempty"`   // where the ledger knows of any
	Throughput *Throughput `json:"throughput,omitempty"` // where the ledger knows when its studies were migrated
}

// Patients are findings for people: nothing is merged, and nothing is corrected.
type Patients struct {
	WithoutID      int                       `json:"studies_without_id"`
	SeveralIssuers []staging.PatientConflict `json:"ids_of_several_issuers"` // the first thousand
}

// mostPatients is how many patient IDs a report tells.
const mostPatients = 1000

// conflicting is a ledger that tells which patient IDs people should look at.
type conflicting interface {
	PatientConflicts(ctx context.Context, s staging.Scope, most int) ([]staging.PatientConflict, int, error)
}

// patients asks the ledger for the findings about patient IDs.
func (r *Report) patients(ctx context.Context, ledger Statements) error {
	asked, can := ledger.(conflicting)
	if !can {
		return nil
	}
	conflicts, nameless, err := asked.PatientConflicts(ctx, r.Range, mostPatients)
	if err != nil {
		return fmt.Errorf("look for patient IDs of several issuers: %w", err)
	}
	if nameless > 0 || len(conflicts) > 0 {
		r.Patients = &Patients{WithoutID: nameless, SeveralIssuers: conflicts}
	}
	return nil
}

// throughput asks the ledger when its studies were migrated.
func (r *Report) throughput(ctx context.Context, ledger Statements) error {
	paced, can := ledger.(pacer)
	if !can {
		return nil
	}
	paces, step, err := paced.Paces(ctx, r.Range, mostPaces)
	if err != nil {
		return fmt.Errorf("count by time: %w", err)
	}
	if len(paces) > 0 {
		r.Throughput = &Throughput{StepSeconds: int(step.Seconds()), Paces: paces}
	}
	return nil
}

// Throughput is what was migrated in stretches of one length.
type Throughput struct {
	StepSeconds int            `json:"step_seconds"`
	Paces       []staging.Pace `json:"paces"`
}

// mostPaces is how many stretches a report tells.
const mostPaces = 62

// pacer is a ledger that knows when its studies were migrated.
type pacer interface {
	Paces(ctx context.Context, s staging.Scope, most int) ([]staging.Pace, time.Duration, error)
}

// Tally counts the studies of one day and one department by state.
type Tally struct {
	Day        string              `json:"day"` // "2026-01-31"; "" for studies without a date
	Department string              `json:"department"`
	Studies    staging.StudyCounts `json:"studies"`
	Listed     int                 `json:"listed_instances"` // as many as OLD lists, where it says
}

// ClassTally counts what failed with one error class.
type ClassTally struct {
	Class   staging.Class `json:"class"`
	Studies int           `json:"studies"`
	Items   int           `json:"items"`
	Example string        `json:"example"` // the reason of one of them
}

// Statements reads the ledger for a report.
type Statements interface {
	Status(ctx context.Context, s staging.Scope) (staging.Status, error)
	Studies(ctx context.Context, s staging.Scope) iter.Seq2[staging.Study, error]
	Report(ctx context.Context, s staging.Scope) iter.Seq2[staging.ReportLine, error]
}

// NewReport counts the studies of a scope. visit, where there is one, is handed
// every item on the way; they are too many to be kept.
func NewReport(ctx context.Context, ledger Statements, scope staging.Scope, made time.Time, visit func(staging.ReportLine) error) (Report, error) {
	r := Report{Made: made.UTC().Truncate(time.Second), Range: scope}
	var err error
	if r.Totals, err = ledger.Status(ctx, scope); err != nil {
		return r, fmt.Errorf("count the range: %w", err)
	}
	if err := r.throughput(ctx, ledger); err != nil {
		return r, err
	}
	if err := r.patients(ctx, ledger); err != nil {
		return r, err
	}
	errors := map[staging.Class]*ClassTally{}
	if err := r.tally(ctx, ledger, errors); err != nil {
		return r, err
	}
	for line, err := range ledger.Report(ctx, scope) {
		if err != nil {
			return r, fmt.Errorf("read the items: %w", err)
		}
		if line.State == staging.ItemFailed {
			classOf(errors, line.Class, line.Reason).Items++
		}
		if visit == nil {
			continue
		}
		if err := visit(line); err != nil {
			return r, err
		}
	}
	r.Errors = []ClassTally{} // an empty list, not null, in JSON
	for _, class := range staging.Classes {
		if tally := errors[class]; tally != nil {
			r.Errors = append(r.Errors, *tally)
		}
	}
	return r, nil
}

// tally counts the studies by day and department, and the failed ones by class.
func (r *Report) tally(ctx context.Context, ledger Statements, errors map[staging.Class]*ClassTally) error {
	type cell struct{ day, department string }
	cells := map[cell]*Tally{}
	for study, err := range ledger.Studies(ctx, r.Range) {
		if err != nil {
			return fmt.Errorf("read the studies: %w", err)
		}
		at := cell{study.RangeDate, study.Department}
		if cells[at] == nil {
			cells[at] = &Tally{Day: at.day, Department: at.department}
		}
		cells[at].add(study)
		if study.State == staging.Failed {
			classOf(errors, study.Class, study.Reason).Studies++
		}
	}
	r.Tallies = make([]Tally, 0, len(cells))
	for tally := range maps.Values(cells) {
		r.Tallies = append(r.Tallies, *tally)
	}
	slices.SortFunc(r.Tallies, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Department, b.Department))
	})
	return nil
}

func (t *Tally) add(study staging.Study) {
	if counter := t.Studies.Of(study.State); counter != nil {
		*counter++
	}
	t.Listed += max(study.ListedInstances, 0)
}

func classOf(tallies map[staging.Class]*ClassTally, class staging.Class, reason string) *ClassTally {
	if tallies[class] == nil {
		tallies[class] = &ClassTally{Class: class, Example: reason}
	}
	return tallies[class]
}
