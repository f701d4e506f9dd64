package bridge

import (
	"context"
	"errors"
	"fmt"

	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// list enters into the collection what OLD lists now. Where OLD counts more than
// it lists, or cannot list at all, the collection knows, and collecting it tells.
func (m *Migrator) list(ctx context.Context, c *Collection, notes *logbook) error {
	if !uid.Opaque(c.Study.UID) {
		return &InvalidUIDError{Of: "study", UID: c.Study.UID}
	}
	listed, err := listCounted(ctx, m.Old, c.Study.UID, c.Study.ListedInstances)
	var countsOnly *CountsOnlyError
	var short *ShortListError
	switch {
	case errors.As(err, &countsOnly):
		c.counted, c.byCount = countsOnly.Counted, true
	case errors.As(err, &short):
		c.counted = short.Counted
		if c.counted <= 0 {
			c.counted = c.Study.ListedInstances
		}
		c.open = c.counted <= len(listed)
	case err != nil:
		return err
	case len(listed) < c.Study.ListedInstances:
		if c.counted, err = m.recount(ctx, c.Study); err != nil {
			return err
		}
	}
	if len(listed) == 0 && c.counted > 0 && !c.byCount {
		return &UnlistedError{Counted: c.counted}
	}
	c.List(listed)
	if err := notes.note(ctx, c.Items); err != nil {
		return err
	}
	for _, l := range listed {
		if !uid.Opaque(l.UID) {
			return &InvalidUIDError{Of: "instance", UID: l.UID}
		}
	}
	return nil
}

// recount asks OLD how many instances a study has now: since the inventory some
// may have gone.
func (m *Migrator) recount(ctx context.Context, study staging.Study) (int, error) {
	finder, can := m.Old.(Finder)
	if !can {
		return study.ListedInstances, nil
	}
	for now, err := range finder.Studies(ctx, StudyQuery{StudyUID: study.UID}) {
		if err != nil {
			return 0, fmt.Errorf("count the instances of study %s: %w", study.UID, err)
		}
		if now.UID == study.UID && now.ListedInstances >= 0 {
			return now.ListedInstances, nil
		}
	}
	return study.ListedInstances, nil
}

// UnlistedError tells that OLD counts more instances of a study than it lists.
type UnlistedError struct{ Counted, Listed int }

func (e *UnlistedError) Error() string {
	if e.Counted <= e.Listed {
		return fmt.Sprintf("the old PACS cuts its list of instances short, counts no more than it lists (%d), and did not send the whole study with success", e.Listed)
	}
	if e.Listed == 0 {
		return fmt.Sprintf("the old PACS counts %d instances and lists none", e.Counted)
	}
	return fmt.Sprintf("the old PACS counts %d instances and lists %d; no more came when it was asked for the whole study", e.Counted, e.Listed)
}

// InvalidUIDError names a UID that cannot be carried as it is: it is longer than 64
// characters or holds some that no message can carry. It is never rewritten.
type InvalidUIDError struct{ Of, UID string }

func (e *InvalidUIDError) Error() string {
	return fmt.Sprintf("invalid %s UID %q: it cannot be carried as it is", e.Of, e.UID)
}

// Temporary is false: the UID stays what it is.
func (e *InvalidUIDError) Temporary() bool { return false }
