package bridge

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// Catalogue is the ledger as questions about it are answered from it.
type Catalogue interface {
	Catalogue(ctx context.Context, f staging.StudyFilter, after int64, most int) ([]staging.CatalogueEntry, error)
	Study(ctx context.Context, uid string) (staging.Study, []staging.Item, error)
}

const (
	// cataloguePage is how many studies are read from the ledger at a time.
	cataloguePage = 200
	// mostAnswers is how many answers one query gets; what is beyond is cut off with A700.
	mostAnswers = 100_000
	// mostQueries is how many queries are answered at once.
	mostQueries = 4
)

// Answers tells by C-FIND what the ledger knows (PS3.4 §C.4.1): study, series and
// instance level, in study and patient root. An administrator asks with his own
// tools what was migrated.
type Answers struct {
	Ledger   Catalogue
	Old, New string // AE titles: where a study can be had from
	Logger   *slog.Logger

	Most  int // answers to one query; 100,000 when zero
	slots chan struct{}
}

var _ dimse.FindHandler = (*Answers)(nil)

// NewAnswers returns a handler of C-FIND.
func NewAnswers(a Answers) *Answers {
	a.Most = orDefault(a.Most, mostAnswers)
	a.slots = make(chan struct{}, mostQueries)
	return &a
}

// Find answers one query. It reads the ledger page by page while the answers go out.
func (a *Answers) Find(ctx context.Context, query dimse.FindQuery) iter.Seq2[*dataset.Dataset, error] {
	return func(yield func(*dataset.Dataset, error) bool) {
		select {
		case a.slots <- struct{}{}:
			defer func() { <-a.slots }()
		default:
			yield(nil, findStatus(dimse.StatusOutOfResources, "%d queries are being answered; ask again later", mostQueries))
			return
		}
		n := 0
		err := a.answer(ctx, query, func(row *dataset.Dataset) error {
			if n++; n > a.Most {
				return findStatus(dimse.StatusOutOfResources, "more than %d answers; ask for less", a.Most)
			}
			if !yield(row, nil) {
				return errEnough
			}
			return ctx.Err()
		})
		a.Logger.Info("query answered from the ledger", "peer", query.CallingAE, "level", query.Identifier.String(dataset.QueryRetrieveLevel), "answers", n)
		if err != nil && err != errEnough && ctx.Err() == nil {
			yield(nil, err)
		}
	}
}

// findStatus is an answer that ends a query.
func findStatus(code dimse.Status, format string, args ...any) error {
	return &dimse.StatusError{Service: dimse.ServiceFind, Status: code, Comment: fmt.Sprintf(format, args...)}
}

func (a *Answers) answer(ctx context.Context, query dimse.FindQuery, tell func(*dataset.Dataset) error) error {
	if query.SOPClass != uid.StudyRootFind && query.SOPClass != uid.PatientRootFind {
		return findStatus(dimse.StatusIdentifierMismatch, "only study and patient root are answered")
	}
	q := &question{Answers: a, keys: query.Identifier, tell: tell}
	switch level := query.Identifier.String(dataset.QueryRetrieveLevel); level {
	case studyLevel:
		return q.studies(ctx)
	case seriesLevel, imageLevel:
		studies := query.Identifier.Strings(dataset.StudyInstanceUID)
		if len(studies) != 1 || studies[0] == "" || strings.ContainsAny(studies[0], "*?") {
			return findStatus(dimse.StatusIdentifierMismatch, "a query at %s level names one study", level)
		}
		return q.below(ctx, studies[0], level)
	default:
		return findStatus(dimse.StatusIdentifierMismatch, "level %q is not answered", level)
	}
}

// question is one query while it is answered.
type question struct {
	*Answers
	keys *dataset.Dataset
	tell func(*dataset.Dataset) error
}

// studies answers at STUDY level. What the database can compare it compares; the
// rest is compared here, by the same rules for all.
func (q *question) studies(ctx context.Context) error {
	filter := studyFilter(q.keys)
	for after := int64(0); ; {
		page, err := q.Ledger.Catalogue(ctx, filter, after, cataloguePage)
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		for _, e := range page {
			after = e.ID
			row, err := q.studyRow(ctx, e)
			if err != nil {
				return err
			}
			if err := q.matched(row); err != nil {
				return err
			}
		}
		if len(page) < cataloguePage {
			return nil
		}
	}
}

// below answers at SERIES and IMAGE level, for one study.
func (q *question) below(ctx context.Context, studyUID, level string) error {
	page, err := q.Ledger.Catalogue(ctx, staging.StudyFilter{UIDs: []string{studyUID}}, 0, 1)
	if err != nil || len(page) == 0 {
		return err
	}
	_, items, err := q.Ledger.Study(ctx, studyUID)
	if err != nil {
		return fmt.Errorf("read study %s in the ledger: %w", studyUID, err)
	}
	for _, series := range seriesOf(items) {
		if level == seriesLevel {
			if err := q.matched(q.seriesRow(page[0], series)); err != nil {
				return err
			}
			continue
		}
		for _, it := range series.items {
			if err := q.matched(q.imageRow(page[0], series.uid, it)); err != nil {
				return err
			}
		}
	}
	return nil
}

// seriesOf groups what stands, or will stand, at NEW by series.
func seriesOf(items []staging.Item) []series {
	c := NewCollection(staging.Study{}, items)
	var all []series
	for _, it := range c.items {
		if it.ObjectUID == "" || archiveOnly(it) {
			continue // not made yet, or no object
		}
		at := slices.IndexFunc(all, func(s series) bool { return s.uid == it.SeriesUID })
		if at < 0 {
			at = len(all)
			all = append(all, series{uid: it.SeriesUID})
		}
		all[at].items = append(all[at].items, it)
	}
	return all
}

// matched tells a row where it matches the keys, with the attributes that were asked
// for. A key that the ledger knows nothing of matches everything, and comes back empty.
func (q *question) matched(row *dataset.Dataset) error {
	known := dataset.New()
	answer := dataset.New()
	for _, key := range q.keys.Elements {
		have, ok := row.Lookup(key.Tag)
		if ok {
			known.Set(key)
			answer.Set(*have)
		} else if key.Tag != dataset.SpecificCharacterSet {
			answer.Set(dataset.Element{Tag: key.Tag, VR: key.VR})
		}
	}
	if charset, ok := q.keys.Lookup(dataset.SpecificCharacterSet); ok {
		known.Set(*charset)
	}
	if !dataset.Match(known, row) {
		return nil
	}
	for i := range row.Elements {
		have := row.Elements[i]
		ours := have.Tag.Group() == answersCreator.Group() && q.keys.Has(answersCreator)
		if ours || have.Tag == answersCreator && q.asksPrivately() || slices.Contains(alwaysTold, have.Tag) {
			answer.Set(have)
		}
	}
	return q.tell(answer)
}

// asksPrivately reports whether a private attribute is asked for, whose creator must
// be told with it.
func (q *question) asksPrivately() bool {
	return slices.ContainsFunc(q.keys.Elements, func(e dataset.Element) bool { return e.Tag.Group() == answersCreator.Group() })
}

// alwaysTold are in every answer of their level, asked for or not.
var alwaysTold = []dataset.Tag{dataset.SpecificCharacterSet, dataset.QueryRetrieveLevel, dataset.RetrieveAETitle,
	dataset.InstanceAvailability, dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID}

// studyFilter is what of a query the database compares: single values and dates.
func studyFilter(keys *dataset.Dataset) staging.StudyFilter {
	single := func(tag dataset.Tag) string {
		value := strings.TrimSpace(keys.Text(tag))
		if strings.ContainsAny(value, `*?\`) {
			return ""
		}
		return value
	}
	f := staging.StudyFilter{PatientID: single(dataset.PatientID), AccessionNumber: single(dataset.AccessionNumber)}
	for _, studyUID := range keys.Strings(dataset.StudyInstanceUID) {
		if studyUID == "" || strings.ContainsAny(studyUID, "*?") {
			f.UIDs = nil
			break
		}
		f.UIDs = append(f.UIDs, studyUID)
	}
	if date := strings.TrimSpace(keys.String(dataset.StudyDate)); date != "" {
		from, to, isRange := strings.Cut(date, "-")
		if !isRange {
			to = from
		}
		f.From, f.To = isoDate(from), isoDate(to)
	}
	return f
}
