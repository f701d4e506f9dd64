package bridge

import (
	"context"
	"fmt"
	"iter"

	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// DifferenceKind says in what way OLD, the ledger and NEW do not agree.
type DifferenceKind string

// The kinds of difference. The last three are findings about the old system; they
// are told, and say nothing against the migration.
const (
	MissingAtNew      DifferenceKind = "missing-at-new"
	ExtraAtNew        DifferenceKind = "extra-at-new"
	NotReceived       DifferenceKind = "not-received"
	AttachmentMissing DifferenceKind = "attachment-missing"
	GhostRecord       DifferenceKind = "ghost"   // a record without images
	OrphanImages      DifferenceKind = "orphan"  // images without a record
	NoDate            DifferenceKind = "no-date" // no date query finds the study
)

// Difference is one thing that does not agree.
type Difference struct {
	StudyUID string         `json:"study_uid"`
	Kind     DifferenceKind `json:"kind"`
	UID      string         `json:"uid"` // SOP Instance UID, study_key or attachment_key
	Detail   string         `json:"detail"`
}

// Loss reports whether something is not where it should be, so that the study is
// not complete.
func (d Difference) Loss() bool {
	return d.Kind != GhostRecord && d.Kind != OrphanImages && d.Kind != NoDate
}

// Reconciliation is the outcome of a comparison.
type Reconciliation struct {
	Studies     int          `json:"studies"`
	Complete    int          `json:"complete"`
	Differences []Difference `json:"differences"`

	Sample  *Sample        `json:"sample,omitempty"`  // where not all studies of the range were compared
	Content *ContentCounts `json:"content,omitempty"` // where contents were compared

	Repaired []string `json:"repaired,omitempty"` // studies that Repair has put back to be migrated
	ByCount  []string `json:"by_count,omitempty"` // studies of which a PACS counts the instances and does not list them
}

// Books reads the ledger.
type Books interface {
	Studies(ctx context.Context, s staging.Scope) iter.Seq2[staging.Study, error]
	Study(ctx context.Context, uid string) (staging.Study, []staging.Item, error)
}

// Reconciler compares OLD, the ledger and NEW as they are now, by sets of UIDs.
type Reconciler struct {
	Finder   Finder // OLD
	Old, New Lister
	Books    Books
	Archive  *Keeper   // nil: there is no archive
	Legacy   bool      // there is a legacy database, so that images without a record mean something
	Contents *Contents // compares the contents as well; nil: the UIDs only
	Sample   *Sample   // compare only so many studies; nil: all
}

// Range compares the studies of a scope: those in the ledger, and those that OLD
// lists in these windows, or of those that the scope names, and the ledger does not know.
// A study that is named and that neither knows is an *UnknownStudyError.
func (r *Reconciler) Range(ctx context.Context, scope staging.Scope, windows []Window) (Reconciliation, error) {
	result := Reconciliation{Differences: []Difference{}, Sample: r.Sample}
	if r.Contents != nil {
		result.Content = &ContentCounts{}
	}
	known := map[string]bool{}
	studies := r.Books.Studies(ctx, scope)
	if r.Sample != nil {
		studies, windows = r.Sample.draw(studies), nil // what the ledger does not know is in no sample
	}
	for study, err := range studies {
		if err != nil {
			return result, fmt.Errorf("read the ledger's studies: %w", err)
		}
		known[study.UID] = true
		if study.State == staging.Skipped {
			continue
		}
		if err := r.study(ctx, study, &result); err != nil {
			return result, err
		}
	}
	for _, w := range windows {
		if err := r.unknown(ctx, StudyQuery{Window: w}, known, &result); err != nil {
			return result, err
		}
	}
	for _, uid := range scope.StudyUIDs {
		if known[uid] || r.Sample != nil {
			continue
		}
		if err := r.unknown(ctx, StudyQuery{StudyUID: uid}, known, &result); err != nil {
			return result, err
		}
		if !known[uid] {
			return result, &UnknownStudyError{uid}
		}
	}
	return result, nil
}

// UnknownStudyError names a study that neither OLD nor the ledger knows.
type UnknownStudyError struct{ StudyUID string }

func (e *UnknownStudyError) Error() string {
	return fmt.Sprintf("neither the old PACS nor the ledger knows study %s", e.StudyUID)
}

// Temporary is false: it has to be named otherwise.
func (e *UnknownStudyError) Temporary() bool { return false }

// unknown compares what OLD lists, of a window or of one UID, and is not known yet.
func (r *Reconciler) unknown(ctx context.Context, q StudyQuery, known map[string]bool, result *Reconciliation) error {
	meant := func(study staging.Study) bool { return q.Window.holds(study.Date) }
	what := q.Window.String()
	if q.StudyUID != "" {
		meant = func(study staging.Study) bool { return study.UID == q.StudyUID }
		what = "UID " + q.StudyUID
	}
	for study, err := range r.Finder.Studies(ctx, q) {
		if err != nil {
			return fmt.Errorf("find studies of %s: %w", what, err)
		}
		if known[study.UID] || !meant(study) {
			continue
		}
		known[study.UID] = true
		if err := r.compare(ctx, study, nil, result); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) study(ctx context.Context, study staging.Study, result *Reconciliation) error {
	_, items, err := r.Books.Study(ctx, study.UID)
	if err != nil {
		return fmt.Errorf("read study %s in the ledger: %w", study.UID, err)
	}
	return r.compare(ctx, study, items, result)
}

// compare adds one study, with what the ledger holds of it, to the result.
func (r *Reconciler) compare(ctx context.Context, study staging.Study, items []staging.Item, result *Reconciliation) error {
	c := NewCollection(study, items)
	differences, err := r.listOld(ctx, c, result)
	if err != nil {
		return err
	}
	listed, short, err := r.listNew(ctx, c, result)
	if err != nil {
		return err
	}
	differences = append(differences, findings(c, r.Legacy)...)
	differences = append(differences, short...)
	if listed != nil {
		standing, err := r.Archive.standing(ctx, c, listed)
		if err != nil {
			return err
		}
		differences = append(differences, absent(c, standing)...)
		differences = append(differences, extra(c, listed)...)
	}
	if r.Contents != nil && listed != nil {
		differing, err := r.Contents.compare(ctx, c, listed, result.Content)
		if err != nil {
			return err
		}
		differences = append(differences, differing...)
	}
	result.Studies++
	complete := study.Kind != staging.Ambiguous
	for _, d := range differences {
		complete = complete && !d.Loss()
	}
	if complete {
		result.Complete++
	}
	result.Differences = append(result.Differences, differences...)
	return nil
}

// findings tells what is odd about the study at the old system.
func findings(c *Collection, legacy bool) []Difference {
	var found []Difference
	tell := func(kind DifferenceKind, uid, detail string) {
		found = append(found, Difference{StudyUID: c.Study.UID, Kind: kind, UID: uid, Detail: detail})
	}
	switch {
	case c.Study.Kind == staging.Ambiguous:
		tell(GhostRecord, c.Study.Key, heldBack(c).Error())
	case c.Study.Kind == staging.Ghost:
		tell(GhostRecord, c.Study.Key, "a legacy record without images at the old PACS")
	case legacy && len(c.Records()) == 0:
		tell(OrphanImages, "", "images without a legacy record")
	}
	if c.Study.Kind == staging.Images && c.Study.Date == "" {
		tell(NoDate, "", "no Study Date: no date query finds this study")
	}
	return found
}

// absent tells what should be at NEW and is not listed there.
func absent(c *Collection, listed []Listed) []Difference {
	at := uidsOf(listed)
	var missing []Difference
	for _, it := range c.travelling() {
		if at[it.ObjectUID] && it.ObjectUID != "" {
			continue
		}
		d := Difference{StudyUID: c.Study.UID, Kind: MissingAtNew, UID: it.UID, Detail: detail(it)}
		switch {
		case it.Kind == staging.Attachment:
			d.Kind = AttachmentMissing
		case it.Kind == staging.Instance && !it.Received && !it.Stored:
			d.Kind = NotReceived
		}
		missing = append(missing, d)
	}
	return missing
}

// detail says what the ledger knows of an item that is not at NEW.
func detail(it *staging.Item) string {
	switch {
	case it.Reason != "":
		return it.Reason
	case it.State == staging.ItemDone && it.Archive != "":
		return "proven before, and not whole now at the new PACS or in its archive (" + it.Archive + ")"
	case it.State == staging.ItemDone:
		return "proven before, and not listed by the new PACS now"
	}
	return "not migrated yet"
}

// extra tells what NEW lists of the study and nobody has sent.
func extra(c *Collection, listed []Listed) []Difference {
	expected := map[string]bool{}
	for _, it := range c.Items() {
		expected[it.ObjectUID] = true
	}
	var found []Difference
	notes := nondicom.SeriesOfRejections(c.Study.UID)
	for _, l := range listed {
		if !expected[l.UID] && l.SeriesUID != notes {
			found = append(found, Difference{StudyUID: c.Study.UID, Kind: ExtraAtNew, UID: l.UID,
				Detail: "listed by the new PACS, and neither listed by the old one nor made here"})
		}
	}
	return found
}

func uidsOf(listed []Listed) map[string]bool {
	at := make(map[string]bool, len(listed))
	for _, l := range listed {
		at[l.UID] = true
	}
	return at
}
