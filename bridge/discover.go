package bridge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
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
	Attachments(ctx context.Context, r nondicom.Record) ([]nondicom.Attachment, error)
}

// Register keeps the inventory: what was found, and how far each window has come.
type Register interface {
	// TakeWindow leases a window to this process; its claim takes what is found in it.
	TakeWindow(ctx context.Context, from, to time.Time, node string, lease time.Duration) (*staging.WindowClaim, error)
	Windows(ctx context.Context, from, to time.Time) ([]staging.Window, error)
	StageStudies(ctx context.Context, window int64, studies []staging.Study) (staging.Staged, error)
	StageRecords(ctx context.Context, records []staging.StagedRecord) (staging.Staged, error)
}

// StudyQuery says which studies a query means. Empty fields ask for everything.
type StudyQuery struct {
	Window          Window
	StudyUID        string
	PatientID       string
	AccessionNumber string
	Modality        string // one that the study has
	PatientPrefix   string // what the patient ID begins with

	keys keys // what is asked of each study; all by default
}

// Found counts what an inventory came upon.
type Found struct {
	Studies  int // answers of OLD
	Records  int // rows of the legacy database
	New      int // studies the ledger did not know
	Reopened int // studies that had migrated and have grown since
	Undated  int // answers without a Study Date, which belong to no window

	NoDate []string // the UIDs of the undated ones
}

// undated notes a study without a Study Date, once.
func (f *Found) undated(studyUID string) bool {
	if slices.Contains(f.NoDate, studyUID) {
		return false
	}
	f.NoDate = append(f.NoDate, studyUID)
	f.Undated++
	return true
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
	Pause    time.Duration // before a query is tried again, doubled each time; 1 s when zero
	Undated  bool          // OLD is also asked once without a date, and the studies that no date query finds are staged
	OnStaged func()        // called when something was staged; nil: nobody waits for it
	Node     string        // who holds a window while it is taken; "inventory" when empty
	Lease    time.Duration // of a window; 1 minute when zero
	Known    string        // what the inventory has learned of OLD before, as the ledger keeps it
	Logger   *slog.Logger
}

// Range takes the inventory of the days from first to last, both included.
// Windows that are done are passed over, those that an earlier run finished half are
// gone on with where they stood. A window whose answers OLD cuts short, or is
// unable to give, fails, and the others are taken all the same.
func (v *Inventory) Range(ctx context.Context, first, last time.Time) (Found, error) {
	var found Found
	var short []error
	census := newCensus(v.Old, v.Pause, v.log())
	days := Window{From: day(first), To: day(last).AddDate(0, 0, 1)}
	done, err := v.recall(ctx, census, days)
	if err != nil {
		return found, err
	}
	windows := Windows(first, last, v.step())
	for _, w := range windows {
		if done[w] {
			continue
		}
		err := v.holding(ctx, w, func(ctx context.Context, claim *staging.WindowClaim) error {
			return v.window(ctx, census, claim, days, &found)
		})
		switch {
		case partial(err):
			short = append(short, fmt.Errorf("inventory of window %s: %w", w, err))
		case err != nil:
			return found, fmt.Errorf("inventory of window %s: %w", w, err)
		}
	}
	if err := v.doubtful(ctx, census, windows, days, &found); err != nil && !partial(err) {
		return found, err
	} else if err != nil {
		short = append(short, err)
	}
	if v.Undated {
		if err := v.withoutDate(ctx, census, &found); err != nil && !partial(err) {
			return found, err
		} else if err != nil {
			short = append(short, err)
		}
	}
	return found, errors.Join(short...)
}

// doubtful asks again, in parts, for windows that were believed before the limit
// was known that cut them.
func (v *Inventory) doubtful(ctx context.Context, census *census, windows []Window, days Window, found *Found) error {
	var short []error
	for _, w := range windows {
		doubt := census.doubtful(w)
		if !doubt && !census.comesAgain(w) {
			continue
		}
		err := v.holding(ctx, w, func(ctx context.Context, claim *staging.WindowClaim) error {
			l := &listing{claim: claim, window: w, days: days, listed: map[string]staging.Study{}}
			if doubt {
				l.missed = 1
			}
			return v.studies(ctx, census, l, found)
		})
		if err != nil && !partial(err) {
			return err
		}
		short = append(short, err)
	}
	return errors.Join(short...)
}

// withoutDate asks OLD once without a date and stages the studies that have none.
func (v *Inventory) withoutDate(ctx context.Context, census *census, found *Found) error {
	_, err := census.sweep(ctx, StudyQuery{}, suspicion{}, func(row Row) error {
		if row.Study.Date != "" || !found.undated(row.Study.UID) {
			return nil
		}
		found.Studies++
		staged, err := v.Register.StageStudies(ctx, 0, []staging.Study{row.Study})
		if err != nil {
			return fmt.Errorf("stage study %s: %w", row.Study.UID, err)
		}
		v.staged(found, staged)
		return nil
	})
	if err != nil {
		return fmt.Errorf("inventory of the studies without a date: %w", err)
	}
	return nil
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
		v.staged(&found, staged)
		uids = append(uids, study.UID)
		if err := v.recordsOf(ctx, study, &found); err != nil {
			return nil, found, err
		}
	}
	return uids, found, nil
}

// window takes the inventory of one window. The legacy records confirm what OLD
// answers: when one of them names a study of the window that OLD holds and did not
// list, its answers are not all, and it is asked in parts.
func (v *Inventory) window(ctx context.Context, census *census, claim *staging.WindowClaim, days Window, found *Found) error {
	row := claim.Window()
	records := v.Legacy != nil && !row.RecordsDone
	if row.FindDone && !records {
		return nil
	}
	w := Window{From: row.From, To: row.To}
	listing := &listing{claim: claim, window: w, days: days, listed: map[string]staging.Study{}}
	if err := v.studies(ctx, census, listing, found); err != nil && !(records && partial(err)) {
		return err
	} else if err != nil {
		listing.short = err // what is missing may come by records
	}
	if records {
		if err := v.records(ctx, row.RecordCursor, listing, found); err != nil {
			return err
		}
	}
	if listing.missed > 0 && listing.short == nil {
		v.log().Warn("legacy records name studies that the old PACS holds and did not list; it is asked again in parts",
			"window", w.String(), "studies", listing.missed)
		listing.short = v.studies(ctx, census, listing, found)
	}
	return listing.short
}

// staged counts what a batch brought, and says that there is something to do.
func (v *Inventory) staged(found *Found, s staging.Staged) {
	found.add(s)
	if v.OnStaged != nil {
		v.OnStaged()
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
