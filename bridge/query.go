package bridge

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// Query levels of the Study Root information model (PS3.4 §C.6.2).
const (
	studyLevel  = "STUDY"
	seriesLevel = "SERIES"
	imageLevel  = "IMAGE"
)

// Listed is one instance that a PACS says it holds.
type Listed struct {
	UID, SeriesUID, SOPClass string
}

// Lister lists the instances of a study at a PACS.
type Lister interface {
	Instances(ctx context.Context, studyUID string) ([]Listed, error)
}

// CountedLister is a Lister that needs fewer queries where somebody has counted the
// instances of a study; -1 means that nobody has.
type CountedLister interface {
	Lister
	InstancesOf(ctx context.Context, studyUID string, counted int) ([]Listed, error)
}

// Studies asks the PACS which studies it holds; for fewer keys where it is unable to
// answer all. Answers without a UID and repeated ones are dropped; padding is trimmed.
func (p *Peer) Studies(ctx context.Context, q StudyQuery) iter.Seq2[staging.Study, error] {
	return func(yield func(staging.Study, error) bool) {
		seen := map[string]bool{}
		for {
			var failure error
			for row, err := range p.Rows(ctx, q) {
				if failure = err; err != nil || row.Study.UID == "" || seen[row.Study.UID] {
					continue
				}
				seen[row.Study.UID] = true
				if !yield(row.Study, nil) {
					return
				}
			}
			if unable(failure) && q.keys < requiredKeys && ctx.Err() == nil {
				q.keys++
				continue
			}
			if failure != nil {
				yield(staging.Study{}, failure)
			}
			return
		}
	}
}

// Rows is Studies with every answer, also those without a UID and repeated ones.
func (p *Peer) Rows(ctx context.Context, q StudyQuery) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		err := p.find(ctx, q.identifier(), func(answer *dataset.Dataset) bool {
			row := Row{Study: studyOf(answer), Time: answer.String(dataset.StudyTime)}
			if row.Study.UID == "" {
				p.Logger.Warn("C-FIND answer without Study Instance UID dropped", "peer", p.Name)
			}
			return yield(row, nil)
		})
		if err != nil {
			yield(Row{}, err)
		}
	}
}

// errEnough ends a query whose reader wants no more answers.
var errEnough = errors.New("enough answers")

// find runs one C-FIND and hands each answer to take, until take returns false.
func (p *Peer) find(ctx context.Context, identifier *dataset.Dataset, take func(*dataset.Dataset) bool) error {
	err := p.with(ctx, dimse.ServiceFind, contexts(forQueries), func(a *dimse.Association) error {
		for answer, err := range a.Find(ctx, dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: identifier}) {
			if err != nil {
				return err
			}
			if !take(answer) {
				return errEnough
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (q StudyQuery) identifier() *dataset.Dataset {
	d := dataset.New().SetString(dataset.QueryRetrieveLevel, studyLevel)
	for _, key := range q.keys.tags() {
		d.SetString(key)
	}
	set := func(key dataset.Tag, value string) {
		if value != "" {
			d.SetString(key, value)
		}
	}
	set(dataset.StudyInstanceUID, q.StudyUID)
	set(dataset.PatientID, q.PatientID)
	set(dataset.AccessionNumber, q.AccessionNumber)
	set(dataset.ModalitiesInStudy, q.Modality)
	if q.PatientPrefix != "" {
		set(dataset.PatientID, q.PatientPrefix+"*")
	}
	if !q.Window.From.IsZero() {
		set(dataset.StudyDate, q.Window.dates())
		set(dataset.StudyTime, q.Window.times())
	}
	return d
}

// identifier asks for the given keys below a study, and below a series if named.
func identifier(level, studyUID, seriesUID string, keys ...dataset.Tag) *dataset.Dataset {
	d := dataset.New().SetString(dataset.QueryRetrieveLevel, level)
	for _, key := range keys {
		d.SetString(key)
	}
	d.SetString(dataset.StudyInstanceUID, studyUID)
	if seriesUID != "" {
		d.SetString(dataset.SeriesInstanceUID, seriesUID)
	}
	return d
}

func studyOf(answer *dataset.Dataset) staging.Study {
	listed, known := answer.Int(dataset.NumberOfStudyRelatedInstances)
	if !known {
		listed = -1
	}
	return staging.Study{
		UID:             answer.String(dataset.StudyInstanceUID),
		Kind:            staging.Images,
		PatientID:       answer.Text(dataset.PatientID),
		Issuer:          answer.Text(dataset.IssuerOfPatientID),
		AccessionNumber: answer.Text(dataset.AccessionNumber),
		Modalities:      strings.Join(answer.Strings(dataset.ModalitiesInStudy), `\`),
		Description:     answer.Text(dataset.StudyDescription),
		Date:            isoDate(answer.String(dataset.StudyDate)),
		ListedInstances: listed,
	}
}

// isoDate turns a DA value, in today's form or the ACR-NEMA one with points
// (PS3.5 §6.2), into 2026-01-31; empty where there is no such day.
func isoDate(da string) string {
	t, err := time.Parse(daLayout, strings.ReplaceAll(strings.TrimSpace(da), ".", ""))
	if err != nil {
		return ""
	}
	return t.Format(dayLayout)
}
