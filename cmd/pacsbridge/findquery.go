package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"pacsbridge/dimse/dataset"
)

// findQuery is what the flags of find ask for.
type findQuery struct {
	level                             string
	days                              dayRange
	study, series, patient, accession string
	keys                              []string
}

func (q *findQuery) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&q.level, "level", "study", "what to list: study, series or image")
	q.days.addFlags(flags)
	flags.StringVar(&q.study, "study", "", "Study Instance UID")
	flags.StringVar(&q.series, "series", "", "Series Instance UID")
	flags.StringVar(&q.patient, "patient", "", "Patient ID")
	flags.StringVar(&q.accession, "accession", "", "Accession Number")
	flags.StringArrayVar(&q.keys, "key", nil, "Keyword=value or Keyword; may be given several times")
}

// findColumns are the attributes asked for at each level: its unique key
// first (PS3.4 §C.6.2.1), then what helps a person to recognise it.
var findColumns = map[string][]dataset.Tag{
	"study": {
		dataset.StudyInstanceUID, dataset.StudyDate, dataset.PatientID, dataset.PatientName,
		dataset.AccessionNumber, dataset.ModalitiesInStudy, dataset.NumberOfStudyRelatedInstances, dataset.StudyDescription,
	},
	"series": {
		dataset.SeriesInstanceUID, dataset.Modality, dataset.SeriesNumber,
		dataset.NumberOfSeriesRelatedInstances, dataset.SeriesDescription,
	},
	"image": {
		dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.SOPClassUID, dataset.InstanceNumber,
	},
}

// identifier builds the C-FIND identifier, and the columns to print.
func (q *findQuery) identifier() (*dataset.Dataset, []dataset.Tag, error) {
	columns := slices.Clone(findColumns[q.level])
	if columns == nil {
		return nil, nil, usagef("--level %q is none of study, series, image", q.level)
	}
	if q.level != "study" && q.study == "" {
		return nil, nil, usagef("--level %s needs --study UID", q.level)
	}
	dates, err := q.dates()
	if err != nil {
		return nil, nil, err
	}
	identifier := dataset.New().SetString(dataset.QueryRetrieveLevel, strings.ToUpper(q.level))
	for _, tag := range columns {
		identifier.SetString(tag)
	}
	for _, match := range []struct {
		tag   dataset.Tag
		value string
	}{
		{dataset.StudyDate, dates}, {dataset.StudyInstanceUID, q.study}, {dataset.SeriesInstanceUID, q.series},
		{dataset.PatientID, q.patient}, {dataset.AccessionNumber, q.accession},
	} {
		if match.value != "" {
			identifier.SetString(match.tag, match.value)
		}
	}
	for _, text := range q.keys {
		tag, value, err := parseKey(text)
		if err != nil {
			return nil, nil, err
		}
		identifier.SetString(tag, value)
		if !slices.Contains(columns, tag) {
			columns = append(columns, tag)
		}
	}
	return identifier, columns, nil
}

// dates writes --from and --to as range matching wants them (PS3.4 §C.2.2.2.5).
func (q *findQuery) dates() (string, error) {
	from, to, err := q.days.days()
	if err != nil || from.IsZero() && to.IsZero() {
		return "", err
	}
	var first, last string
	if !from.IsZero() {
		first = from.Format(dicomDay)
	}
	if !to.IsZero() {
		last = to.Format(dicomDay)
	}
	return first + "-" + last, nil
}

// parseKey reads "Modality=CT", "Modality", or "0008,0060=CT".
func parseKey(text string) (dataset.Tag, string, error) {
	name, value, _ := strings.Cut(text, "=")
	if tag, found := dataset.FindTag(name); found {
		return tag, value, nil
	}
	group, element, found := strings.Cut(strings.Trim(name, "()"), ",")
	g, errGroup := strconv.ParseUint(group, 16, 16)
	e, errElement := strconv.ParseUint(element, 16, 16)
	if !found || errGroup != nil || errElement != nil {
		return 0, "", usagef("--key %q: %q is no attribute keyword, such as Modality", text, name)
	}
	return dataset.NewTag(uint16(g), uint16(e)), value, nil
}
