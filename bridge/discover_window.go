package bridge

import (
	"context"
	"fmt"
	"time"

	"pacsbridge/staging"
)

// listing is what OLD has answered for a window.
type listing struct {
	claim  *staging.WindowClaim
	window Window
	days   Window // of the whole inventory
	listed map[string]staging.Study
	missed int   // studies of the window that only the legacy records knew
	short  error // why this cannot be all
}

// studies stages what OLD answers for the window, a batch a transaction.
func (v *Inventory) studies(ctx context.Context, census *census, l *listing, found *Found) error {
	batch := make([]staging.Study, 0, v.batch())
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		staged, err := l.claim.StageStudies(ctx, batch)
		if err != nil {
			return fmt.Errorf("stage %d studies: %w", len(batch), err)
		}
		v.staged(found, staged)
		batch = batch[:0]
		return nil
	}
	err := census.window(ctx, l.window, l.days, l.missed > 0, func(row Row) error {
		study := row.Study
		if _, known := l.listed[study.UID]; known || !v.belongs(study, l.window, found) {
			return nil
		}
		l.listed[study.UID] = study
		found.Studies++
		if batch = append(batch, study); len(batch) < cap(batch) {
			return nil
		}
		return flush()
	})
	if flushed := flush(); flushed != nil {
		return flushed
	}
	if err != nil {
		return err
	}
	return l.claim.Finish(ctx, staging.FindPart, census.believed(l.window))
}

// belongs drops answers outside the window: some archives ignore the date key.
func (v *Inventory) belongs(study staging.Study, w Window, found *Found) bool {
	if study.Date == "" {
		v.tellUndated(study, found)
	}
	return w.holds(study.Date)
}

func (v *Inventory) tellUndated(study staging.Study, found *Found) {
	if !v.Undated && found.undated(study.UID) {
		v.log().Warn("study without a date, which no range of days holds; it comes with --undated, --study or a legacy record", "study", study.UID)
	}
}

// records stages the legacy records of the window by keyset, a batch a transaction.
func (v *Inventory) records(ctx context.Context, cursor string, l *listing, found *Found) error {
	for {
		page, err := v.Legacy.Records(ctx, l.window.From, l.window.To, cursor, v.batch())
		if err != nil {
			return fmt.Errorf("read legacy records: %w", err)
		}
		if len(page) == 0 {
			return l.claim.Finish(ctx, staging.RecordsPart, 0)
		}
		rows, err := v.joined(ctx, page, l)
		if err != nil {
			return err
		}
		cursor = page[len(page)-1].StudyKey
		staged, err := l.claim.StageRecords(ctx, cursor, rows)
		if err != nil {
			return fmt.Errorf("stage %d legacy records: %w", len(rows), err)
		}
		found.Records += len(page)
		v.staged(found, staged)
	}
}

// recordsOf stages the legacy records that belong to one study, found among
// those of its day: the settings' query knows no other key.
func (v *Inventory) recordsOf(ctx context.Context, study staging.Study, found *Found) error {
	from, err := time.Parse(dayLayout, study.Date)
	if v.Legacy == nil || err != nil {
		return nil
	}
	for after := ""; ; {
		page, err := v.Legacy.Records(ctx, from, from.AddDate(0, 0, 1), after, v.batch())
		if err != nil {
			return fmt.Errorf("read legacy records of study %s: %w", study.UID, err)
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].StudyKey
		rows, err := v.joined(ctx, claimedBy(study, page), &listing{})
		if err != nil {
			return err
		}
		staged, err := v.Register.StageRecords(ctx, only(study.UID, rows))
		if err != nil {
			return fmt.Errorf("stage legacy records of study %s: %w", study.UID, err)
		}
		v.staged(found, staged)
	}
}
