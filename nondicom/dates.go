package nondicom

import (
	"strings"
	"time"
)

// dateLayouts are the ways in which old databases write a day, all with the
// year first: the others cannot be told apart (01/02/2026).
var dateLayouts = []string{time.DateOnly, "20060102", "2006/01/02", "2006.01.02"}

// timeLayouts are the ways in which they write a time of day.
var timeLayouts = []string{"15:04:05.999999999", "150405.999999999", "15:04", "1504"}

// isoDate reads a day out of a column's text, which may hold a time of day
// too. It is false for text that is there but is no date. Nothing and a zero
// date are no date, and that is well.
func isoDate(text string) (string, bool) {
	text = strings.TrimSpace(text)
	day, _ := cutDay(text)
	if text == "" || day != "" && strings.Trim(day, "0-/.") == "" {
		return "", true
	}
	t, ok := parseAny(day, dateLayouts)
	if !ok {
		return "", false
	}
	return t.Format(time.DateOnly), true
}

// isoTime reads a time of day out of a column's text, which may hold a day
// before it and a zone behind it.
func isoTime(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", true
	}
	if day, clock := cutDay(text); clock != "" {
		if _, isDay := isoDate(day); isDay {
			text = clock
		}
	}
	if zone := strings.IndexAny(text, "+-Z"); zone > 0 {
		text = text[:zone]
	}
	t, ok := parseAny(strings.TrimSpace(text), timeLayouts)
	if !ok {
		return "", false
	}
	return t.Format("15:04:05.999999"), true
}

// cutDay cuts 2026-01-31T14:05:00 and 2026-01-31 14:05:00 in two.
func cutDay(text string) (day, clock string) {
	if i := strings.IndexAny(text, "T "); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, ""
}

func parseAny(text string, layouts []string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// dicomDate is 2026-01-31 as DICOM writes it (PS3.5 §6.2, DA); empty when the
// text is no date.
func dicomDate(text string) string {
	day, _ := isoDate(text)
	return strings.ReplaceAll(day, "-", "")
}

// dicomTime is 14:05:00 as DICOM writes it (PS3.5 §6.2, TM); empty when the
// text is no time.
func dicomTime(text string) string {
	clock, _ := isoTime(text)
	return strings.ReplaceAll(clock, ":", "")
}
