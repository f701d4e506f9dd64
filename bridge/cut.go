package bridge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pacsbridge/staging"
)

// cut is a way to cut a query into parts.
type cut string

// The ways, in the order in which they are tried.
const (
	byDate     cut = "date"
	byTime     cut = "time"
	byModality cut = "modality"
	byPatient  cut = "patient ID"
)

// division is a query cut one way.
type division struct {
	by    cut
	parts []StudyQuery
}

const (
	// shortHour is where modality and patient ID are tried before shorter times.
	shortHour = time.Hour
	// longestPrefix bounds how far patient IDs are spelled out.
	longestPrefix = 8
)

// commonModalities are asked for besides those that answers have named
// (PS3.3 §C.7.3.1.1.1).
var commonModalities = []string{"CT", "MR", "CR", "DX", "US", "MG", "NM", "PT", "XA", "RF", "OT", "SC", "SR", "DOC", "PR", "KO",
	"ECG", "ES", "XC", "GM", "SM", "OP", "OPT", "IO", "PX", "RG", "BMD", "IVUS", "HD", "EPS", "BI", "DG", "LS", "TG", "AU", "SEG", "REG",
	"RTIMAGE", "RTDOSE", "RTSTRUCT", "RTPLAN", "RTRECORD", "OCT", "OAM", "OPM", "OPV", "VA", "SRF", "LEN", "KER", "AR", "RESP", "EEG", "EMG", "EOG", "M3D", "IVOCT", "FID", "PLAN"}

// ways lists how a query can be cut. What OLD ignores is left out. The costly ways
// are for queries of which it is known that the answers are not all.
func (c *census) ways(q StudyQuery, known bool) []division {
	var ways []division
	add := func(by cut, parts []StudyQuery) {
		if len(parts) > 0 && !c.ignored[by] {
			ways = append(ways, division{by, parts})
		}
	}
	dated := !q.Window.From.IsZero()
	long := dated && q.Window.To.Sub(q.Window.From) > shortHour
	if long && !c.ignored[byDate] {
		add(q.timeCut(), q.halves())
	}
	if !known && len(ways) > 0 {
		return ways
	}
	if !known && dated && !c.ignored[byTime] {
		return nil // an hour, or less: a coincidence
	}
	add(byModality, q.modalities(c.modalities))
	add(byPatient, q.prefixes())
	if dated && !long && !c.ignored[byDate] {
		add(q.timeCut(), q.halves())
	}
	return ways
}

// timeCut says whether cutting the window in halves needs days alone, or times.
func (q StudyQuery) timeCut() cut {
	if q.Window.To.Sub(q.Window.From) > 24*time.Hour {
		return byDate
	}
	return byTime
}

// halves cuts the window in two, at midnight where it is longer than a day. No part
// is shorter than a second.
func (q StudyQuery) halves() []StudyQuery {
	from, to := q.Window.From, q.Window.To
	unit := time.Second
	switch length := to.Sub(from); {
	case length <= time.Second:
		return nil
	case length > 24*time.Hour:
		unit = 24 * time.Hour
	case length > shortHour:
		unit = shortHour
	}
	half := max(to.Sub(from)/2/unit*unit, unit)
	middle := from.Add(half)
	if unit == 24*time.Hour {
		middle = day(from).Add(half)
	}
	first, second := q, q
	first.Window.To, second.Window.From = middle, middle
	return []StudyQuery{first, second}
}

func (q StudyQuery) modalities(seen map[string]bool) []StudyQuery {
	if q.Modality != "" {
		return nil
	}
	values := slices.Sorted(maps.Keys(seen))
	for _, m := range commonModalities {
		if !seen[m] {
			values = append(values, m)
		}
	}
	var parts []StudyQuery
	for _, m := range values {
		part := q
		part.Modality = m
		parts = append(parts, part)
	}
	return parts
}

// prefixes spells the patient ID one character further, over all that the default
// character set has, except wildcards and the backslash.
func (q StudyQuery) prefixes() []StudyQuery {
	if len(q.PatientPrefix) >= longestPrefix || q.PatientID != "" {
		return nil
	}
	var parts []StudyQuery
	for c := byte(' ' + 1); c < 0x7F; c++ {
		if !strings.ContainsRune(`*?\`, rune(c)) {
			part := q
			part.PatientPrefix += string(c)
			parts = append(parts, part)
		}
	}
	return parts
}

// leavesOut says by which of its keys an answer does not belong to the query;
// empty where it does. What the answer does not tell counts as right.
func (q StudyQuery) leavesOut(row Row) cut {
	modalities := modalitiesOf(row.Study)
	switch {
	case !q.Window.From.IsZero() && !q.Window.holds(row.Study.Date):
		return byDate
	case !q.Window.From.IsZero() && !q.Window.holdsTime(row.Study.Date, row.Time):
		return byTime
	case q.Modality != "" && !slices.Contains(modalities, q.Modality):
		return byModality // also where it tells none: then it does not match by them either
	case !strings.HasPrefix(strings.ToUpper(row.Study.PatientID), strings.ToUpper(q.PatientPrefix)):
		return byPatient
	}
	return ""
}

func modalitiesOf(s staging.Study) []string {
	return slices.DeleteFunc(strings.Split(s.Modalities, `\`), func(m string) bool { return m == "" })
}

// describe names a query in messages. Patient IDs are not told.
func (q StudyQuery) describe() string {
	text := "all studies"
	if q.StudyUID != "" {
		return "study " + q.StudyUID
	}
	if !q.Window.From.IsZero() {
		text = "studies of " + q.Window.String()
	}
	if q.Modality != "" {
		text += ", modality " + q.Modality
	}
	if q.PatientPrefix != "" {
		text += fmt.Sprintf(", patient IDs by their first %d characters", len(q.PatientPrefix))
	}
	return text
}
