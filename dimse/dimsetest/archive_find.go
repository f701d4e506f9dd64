package dimsetest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// A level of the query/retrieve information models and its unique key
// (PS3.4 §C.6.1.1, §C.6.2.1).
type level struct {
	name string
	key  dataset.Tag
}

var patientRoot = []level{
	{"PATIENT", dataset.PatientID},
	{"STUDY", dataset.StudyInstanceUID},
	{"SERIES", dataset.SeriesInstanceUID},
	{"IMAGE", dataset.SOPInstanceUID},
}

// levelsOf lists the levels from the root of the query's model down to the one
// it asks about.
func levelsOf(sopClass string, identifier *dataset.Dataset) ([]level, error) {
	levels := patientRoot
	switch sopClass {
	case uid.StudyRootFind, uid.StudyRootMove, uid.StudyRootGet:
		levels = patientRoot[1:]
	}
	name := identifier.String(dataset.QueryRetrieveLevel)
	i := slices.IndexFunc(levels, func(l level) bool { return l.name == name })
	if i < 0 {
		return nil, fmt.Errorf("no level %q in this model", name)
	}
	return levels[:i+1], nil
}

// Find answers a query with one row for each patient, study, series or
// instance that matches it.
func (s *service) Find(ctx context.Context, query dimse.FindQuery) iter.Seq2[*dataset.Dataset, error] {
	s.mu.Lock()
	s.counts.Finds++
	s.mu.Unlock()
	n, faults := s.times(dimse.ServiceFind, "")
	f := faults.Find
	return func(yield func(*dataset.Dataset, error) bool) {
		if err := f.Refuse.as(dimse.ServiceFind, n); err != nil {
			yield(nil, err)
			return
		}
		if err := f.refuses(query.Identifier); err != nil {
			yield(nil, err)
			return
		}
		rows, err := s.rows(query, f)
		if err != nil {
			yield(nil, err)
			return
		}
		limited := f.Limit > 0 && len(rows) > f.Limit
		if limited {
			rows = rows[:f.Limit]
		}
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
		switch {
		case f.NoFinal:
			<-ctx.Done()
			yield(nil, ctx.Err())
		case limited && f.LimitStatus != dimse.StatusSuccess:
			yield(nil, &dimse.StatusError{Service: dimse.ServiceFind, Status: f.LimitStatus})
		}
	}
}

// rows are the answers to a query.
func (s *service) rows(query dimse.FindQuery, f FindFaults) ([]*dataset.Dataset, error) {
	levels, err := levelsOf(query.SOPClass, query.Identifier)
	if err == nil && !s.Relational {
		err = singleKeys(query.Identifier, levels[:len(levels)-1])
	}
	if err != nil {
		return nil, &dimse.StatusError{
			Service: dimse.ServiceFind, Status: dimse.StatusIdentifierMismatch, Comment: err.Error(),
		}
	}
	keys := matchingKeys(query.Identifier, f.IgnoreDates)
	var rows []*dataset.Dataset
	for _, entity := range s.entities(query.Identifier, levels) {
		candidate := entity.describe()
		if dataset.Match(keys, candidate) {
			rows = append(rows, s.row(query.Identifier, candidate))
		}
	}
	if f.Edit != nil {
		rows = f.Edit(rows)
	}
	return rows, nil
}

// singleKeys wants one value, without wildcards, for each of the unique keys
// above a query's level (PS3.4 §C.4.1.2.1).
func singleKeys(identifier *dataset.Dataset, above []level) error {
	for _, l := range above {
		values := identifier.Strings(l.key)
		if len(values) != 1 || values[0] == "" || strings.ContainsAny(values[0], "*?") {
			return fmt.Errorf("one %s is needed at this level", dataset.Keyword(l.key))
		}
	}
	return nil
}

// countKeys are computed for each answer and match nothing.
var countKeys = []dataset.Tag{
	dataset.NumberOfStudyRelatedSeries, dataset.NumberOfStudyRelatedInstances,
	dataset.NumberOfSeriesRelatedInstances,
}

// matchingKeys is the identifier without what is no matching key.
func matchingKeys(identifier *dataset.Dataset, ignoreDates bool) *dataset.Dataset {
	keys := dataset.New()
	for _, e := range identifier.Elements {
		switch {
		case e.Tag == dataset.QueryRetrieveLevel, e.Tag == dataset.RetrieveAETitle, slices.Contains(countKeys, e.Tag):
		case ignoreDates && (e.VR == dataset.DA || e.VR == dataset.TM || e.VR == dataset.DT):
		default:
			keys.Set(e)
		}
	}
	return keys
}

// row is one answer: the attributes that were asked for, and those that every
// answer has (PS3.4 §C.4.1.1.3.2).
func (s *service) row(identifier, candidate *dataset.Dataset) *dataset.Dataset {
	row := dataset.New()
	for _, e := range identifier.Elements {
		if have, ok := candidate.Lookup(e.Tag); ok {
			row.Set(*have)
		} else {
			row.Set(dataset.Element{Tag: e.Tag, VR: e.VR})
		}
	}
	if charset, ok := candidate.Lookup(dataset.SpecificCharacterSet); ok {
		row.Set(*charset)
	} else {
		row.Delete(dataset.SpecificCharacterSet)
	}
	row.SetString(dataset.QueryRetrieveLevel, identifier.String(dataset.QueryRetrieveLevel))
	row.SetString(dataset.RetrieveAETitle, s.AE)
	return row
}

// An entity is a patient, study, series or instance: all instances of it, and
// of the study (or patient) that it belongs to.
type entity struct {
	instances []*held
	study     []*held
}

// entities groups instances by the unique keys of the levels, in the order of
// arrival.
func (s *service) entities(identifier *dataset.Dataset, levels []level) []*entity {
	s.mu.Lock()
	defer s.mu.Unlock()
	byKey := map[string]*entity{}
	var list []*entity
	for _, h := range s.inStudies(identifier.Strings(dataset.StudyInstanceUID)) {
		var key strings.Builder
		for _, l := range levels {
			fmt.Fprintf(&key, "%q", h.head.String(l.key))
		}
		e, known := byKey[key.String()]
		if !known {
			e = &entity{study: slices.Clone(s.studies[h.StudyUID])}
			byKey[key.String()] = e
			list = append(list, e)
		}
		e.instances = append(e.instances, h)
	}
	return list
}

// inStudies lists the instances of the named studies, or all where a list of
// names cannot narrow the search. The caller holds the lock.
func (s *service) inStudies(studyUIDs []string) []*held {
	var list []*held
	for _, studyUID := range studyUIDs {
		if studyUID == "" || strings.ContainsAny(studyUID, "*?") {
			return s.order
		}
		list = append(list, s.studies[studyUID]...)
	}
	if len(studyUIDs) == 0 {
		return s.order
	}
	return list
}

// describe gives the attributes of an entity: those of its first instance, and
// the computed ones (PS3.4 §C.3.4).
func (e *entity) describe() *dataset.Dataset {
	d := dataset.New()
	d.Elements = slices.Clone(e.instances[0].head.Elements)
	d.SetString(dataset.ModalitiesInStudy, distinct(e.study, dataset.Modality)...)
	d.SetString(dataset.SOPClassesInStudy, distinct(e.study, dataset.SOPClassUID)...)
	d.SetString(dataset.NumberOfStudyRelatedSeries, strconv.Itoa(len(distinct(e.study, dataset.SeriesInstanceUID))))
	d.SetString(dataset.NumberOfStudyRelatedInstances, strconv.Itoa(len(e.study)))
	series := 0
	for _, h := range e.study {
		if h.SeriesUID == e.instances[0].SeriesUID {
			series++
		}
	}
	d.SetString(dataset.NumberOfSeriesRelatedInstances, strconv.Itoa(series))
	return d
}

// distinct lists the values of an attribute, each once, in the order of arrival.
func distinct(instances []*held, tag dataset.Tag) []string {
	var values []string
	for _, h := range instances {
		if v := h.head.String(tag); v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}
