package bridge

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// Finder lists the studies a PACS holds (C-FIND at STUDY level).
type Finder interface {
	Studies(ctx context.Context, q StudyQuery) iter.Seq2[staging.Study, error]
}

// Records reads what the old system kept beside the images.
type Records interface {
	// Records returns at most limit records of [from, to) whose study_key comes after the given one.
	Records(ctx context.Context, from, to time.Time, after string, limit int) ([]nondicom.Record, error)
	Attachments(ctx context.Context, studyKey string) ([]nondicom.Attachment, error)
}

// Register keeps the inventory: what was found, and how far each window has come.
type Register interface {
	Window(ctx context.Context, from, to time.Time) (staging.Window, error)
	StageStudies(ctx context.Context, window int64, studies []staging.Study) (staging.Staged, error)
	StageRecords(ctx context.Context, window int64, cursor string, records []staging.StagedRecord) (staging.Staged, error)
	FinishWindow(ctx context.Context, window int64, part staging.WindowPart) error
}

// StudyQuery says which studies a query means. Empty fields ask for everything.
type StudyQuery struct {
	Window          Window
	StudyUID        string
	PatientID       string
	AccessionNumber string
}

// Found counts what an inventory came upon.
type Found struct {
	Studies  int // answers of OLD
	Records  int // rows of the legacy database
	New      int // studies the ledger did not know
	Reopened int // studies that had migrated and have grown since
	Undated  int // answers without a Study Date, which belong to no window
}

func (f *Found) add(s staging.Staged) {
	f.New += s.New
	f.Reopened += s.Reopened
}

// Inventory fills the register from the old PACS and the legacy database.
type Inventory struct {
	Old      Finder
	Legacy   Records // nil where the old system kept nothing beside the images
	Register Register
	Step     time.Duration // length of a window; 24 h when zero
	Batch    int           // rows of one transaction; 50 when zero
	Logger   *slog.Logger
}

// Range takes the inventory of the days from first to last, both included.
// Windows that an earlier run finished half are gone on with where they stood.
func (v *Inventory) Range(ctx context.Context, first, last time.Time) (Found, error) {
	var found Found
	for _, w := range Windows(first, last, v.step()) {
		if err := v.window(ctx, w, &found); err != nil {
			return found, fmt.Errorf("inventory of window %s: %w", w, err)
		}
	}
	return found, nil
}

// Named takes the inventory of the studies a query names, whatever their date,
// and of the legacy records that belong to them. It returns their UIDs.
func (v *Inventory) Named(ctx context.Context, q StudyQuery) ([]string, Found, error) {
	var (
		found Found
		uids  []string
	)
	for study, err := range v.Old.Studies(ctx, q) {
		if err != nil {
			return nil, found, fmt.Errorf("find studies at the old PACS: %w", err)
		}
		found.Studies++
		staged, err := v.Register.StageStudies(ctx, 0, []staging.Study{study})
		if err != nil {
			return nil, found, fmt.Errorf("stage study %s: %w", study.UID, err)
		}
		found.add(staged)
		uids = append(uids, study.UID)
		if err := v.recordsOf(ctx, study, &found); err != nil {
			return nil, found, err
		}
	}
	return uids, found, nil
}

func (v *Inventory) window(ctx context.Context, w Window, found *Found) error {
	row, err := v.Register.Window(ctx, w.From, w.To)
	if err != nil {
		return fmt.Errorf("open the window in staging: %w", err)
	}
	if !row.FindDone {
		if err := v.studies(ctx, row.ID, w, found); err != nil {
			return err
		}
	}
	if v.Legacy == nil || row.RecordsDone {
		return nil
	}
	return v.records(ctx, row, w, found)
}

// studies stages what OLD answers for the window, a batch a transaction.
func (v *Inventory) studies(ctx context.Context, window int64, w Window, found *Found) error {
	batch := make([]staging.Study, 0, v.batch())
	flush := func() error {
		staged, err := v.Register.StageStudies(ctx, window, batch)
		if err != nil {
			return fmt.Errorf("stage %d studies: %w", len(batch), err)
		}
		found.add(staged)
		batch = batch[:0]
		return nil
	}
	for study, err := range v.Old.Studies(ctx, StudyQuery{Window: w}) {
		if err != nil {
			return fmt.Errorf("find studies at the old PACS: %w", err)
		}
		if !v.belongs(study, w, found) {
			continue
		}
		found.Studies++
		if batch = append(batch, study); len(batch) == cap(batch) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(batch) > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	return v.Register.FinishWindow(ctx, window, staging.FindPart)
}

// belongs drops answers outside the window: some archives ignore the date key.
func (v *Inventory) belongs(study staging.Study, w Window, found *Found) bool {
	if w.holds(study.Date) {
		return true
	}
	if study.Date == "" {
		found.Undated++
		v.log().Warn("study without a date answered a date query; name it by --study or by a legacy record", "study", study.UID)
	}
	return false
}

// records stages the legacy records of the window by keyset, a batch a transaction.
func (v *Inventory) records(ctx context.Context, row staging.Window, w Window, found *Found) error {
	cursor := row.RecordCursor
	for {
		page, err := v.Legacy.Records(ctx, w.From, w.To, cursor, v.batch())
		if err != nil {
			return fmt.Errorf("read legacy records: %w", err)
		}
		if len(page) == 0 {
			return v.Register.FinishWindow(ctx, row.ID, staging.RecordsPart)
		}
		rows, err := v.joined(ctx, page)
		if err != nil {
			return err
		}
		cursor = page[len(page)-1].StudyKey
		staged, err := v.Register.StageRecords(ctx, row.ID, cursor, rows)
		if err != nil {
			return fmt.Errorf("stage %d legacy records: %w", len(rows), err)
		}
		found.Records += len(page)
		found.add(staged)
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
		rows, err := v.joined(ctx, claimedBy(study, page))
		if err != nil {
			return err
		}
		staged, err := v.Register.StageRecords(ctx, 0, "", only(study.UID, rows))
		if err != nil {
			return fmt.Errorf("stage legacy records of study %s: %w", study.UID, err)
		}
		found.add(staged)
	}
}

func (v *Inventory) step() time.Duration { return orDefault(v.Step, 24*time.Hour) }

func (v *Inventory) batch() int { return orDefault(v.Batch, 50) }

func (v *Inventory) log() *slog.Logger {
	if v.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return v.Logger
}
