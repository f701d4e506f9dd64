package bridge

import (
	"context"
	"errors"
	"fmt"

	"pacsbridge/staging"
)

// Bench is the ledger as a repair uses it.
type Bench interface {
	// Reopen sets a migrated study on its way again, with these objects of it unproven.
	Reopen(ctx context.Context, studyUID string, lost []string) (bool, error)
	RetryFailed(ctx context.Context, s staging.Scope, f staging.RetryFilter) (int, error)
	StageStudies(ctx context.Context, window int64, studies []staging.Study) (staging.Staged, error)
}

// Repair puts the studies back to be migrated of which something is missing at NEW, and
// notes them in the result. What is there is not sent again. Content that differs is left
// to a person: NEW may keep what it has when it is sent again, and what it has may be meant.
func (r *Reconciler) Repair(ctx context.Context, bench Bench, result *Reconciliation) error {
	var order []string
	missing := map[string]map[string]bool{}
	for _, d := range result.Differences {
		switch d.Kind {
		case MissingAtNew, NotReceived, AttachmentMissing:
		default:
			continue
		}
		if missing[d.StudyUID] == nil {
			missing[d.StudyUID] = map[string]bool{}
			order = append(order, d.StudyUID)
		}
		missing[d.StudyUID][d.UID] = true
	}
	for _, study := range order {
		again, err := r.repair(ctx, bench, study, missing[study])
		if err != nil {
			return fmt.Errorf("put study %s back to be migrated: %w", study, err)
		}
		if again {
			result.Repaired = append(result.Repaired, study)
		}
	}
	return nil
}

// repair puts one study back, and reports whether it will be migrated again.
func (r *Reconciler) repair(ctx context.Context, bench Bench, studyUID string, missing map[string]bool) (bool, error) {
	study, items, err := r.Books.Study(ctx, studyUID)
	if errors.Is(err, staging.ErrNotFound) {
		return r.stage(ctx, bench, studyUID)
	}
	if err != nil {
		return false, err
	}
	switch study.State {
	case staging.Migrated:
		var lost []string
		for _, it := range items {
			if missing[it.UID] && it.ObjectUID != "" {
				lost = append(lost, it.ObjectUID)
			}
		}
		return bench.Reopen(ctx, studyUID, lost)
	case staging.Failed:
		n, err := bench.RetryFailed(ctx, staging.Scope{StudyUIDs: []string{studyUID}}, staging.RetryFilter{})
		return n > 0, err
	}
	return !study.State.Final(), nil // it waits, or is in work
}

// stage takes a study into the ledger that only OLD knows.
func (r *Reconciler) stage(ctx context.Context, bench Bench, studyUID string) (bool, error) {
	for study, err := range r.Finder.Studies(ctx, StudyQuery{StudyUID: studyUID}) {
		if err != nil {
			return false, err
		}
		if study.UID == studyUID {
			_, err := bench.StageStudies(ctx, 0, []staging.Study{study})
			return err == nil, err
		}
	}
	return false, nil
}
