package dataset

import (
	"bytes"
	"time"
)

// span is what a date, time or date-time covers: a whole day, or the minute of "1030".
type span struct {
	from, to time.Time
}

// matchMoment compares a date, time or date-time with a key that is one or a range of them (PS3.4 §C.2.2.2.1 and
// §C.2.2.2.5). A key of less precision matches what lies within it.
func matchMoment(vr VR, want, value []byte) bool {
	v, ok := parseMoment(vr, value)
	if !ok {
		return bytes.Equal(want, value)
	}
	wanted, ok := parseRange(vr, want)
	return ok && !v.from.Before(wanted.from) && !v.from.After(wanted.to)
}

// Open ends of a range.
var (
	beginningOfTime = time.Time{}
	endOfTime       = time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// maxRange is the length of the longest range: two date-times with fractions and time zones.
const maxRange = len("YYYYMMDDHHMMSS.FFFFFF+ZZZZ-YYYYMMDDHHMMSS.FFFFFF+ZZZZ")

// parseRange reads a moment, "A-B", "A-" or "-B". In a date-time a hyphen may also be the sign of a time zone, which
// it is when that makes sense.
func parseRange(vr VR, s []byte) (span, bool) {
	if moment, ok := parseMoment(vr, s); ok {
		return moment, true
	}
	if len(s) > maxRange || len(s) == 1 {
		return span{}, false
	}
	for i := range s {
		if s[i] != '-' {
			continue
		}
		from, okFrom := parseBound(vr, s[:i])
		to, okTo := parseBound(vr, s[i+1:])
		if okFrom && okTo {
			return span{from.from, to.to}, true
		}
	}
	return span{}, false
}

// parseBound reads one end of a range, where nothing means no end.
func parseBound(vr VR, s []byte) (span, bool) {
	if s = bytes.TrimSpace(s); len(s) == 0 {
		return span{beginningOfTime, endOfTime}, true
	}
	return parseMoment(vr, s)
}

// maxMoment is the length of the longest date or time, with the colons or dots of the old forms.
const maxMoment = len("HH:MM:SS.FFFFFF")

// parseMoment reads a DA, TM or DT value (PS3.5 §6.2), the forms with dots and colons of ACR-NEMA as well. It allocates
// nothing.
func parseMoment(vr VR, s []byte) (span, bool) {
	if vr == DT {
		digits, zone, ok := cutZone(s)
		moment, valid := parseDigits(digits)
		return span{moment.from.Add(-zone), moment.to.Add(-zone)}, ok && valid
	}
	if len(s) > maxMoment || vr == TM && len(s) < 2 {
		return span{}, false
	}
	digits := make([]byte, 0, len(dateDigits)+maxMoment)
	if vr == TM {
		digits = append(digits, dateDigits...)
	}
	for _, c := range s {
		if c != separators[vr] {
			digits = append(digits, c)
		}
	}
	if vr == DA && len(digits) != len(dateDigits) {
		return span{}, false
	}
	return parseDigits(digits)
}

// separators stand between the parts of the old forms, 2026.01.31 and 10:30:00.
var separators = map[VR]byte{DA: '.', TM: ':'}

// cutZone takes the time zone off a date-time, as its distance from UTC.
func cutZone(s []byte) (digits []byte, zone time.Duration, ok bool) {
	i := len(s) - len("+0100")
	if i <= 0 || s[i] != '+' && s[i] != '-' {
		return s, 0, true
	}
	hours, okHours := parseInteger(s[i+1 : i+3])
	minutes, okMinutes := parseInteger(s[i+3:])
	if !okHours || !okMinutes || minutes > 59 {
		return s, 0, true // no zone, and no moment either
	}
	zone = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[i] == '-' {
		zone = -zone
	}
	return s[:i], zone, zone >= -12*time.Hour && zone <= 14*time.Hour
}

// dateDigits is the day on which times of day are compared.
const dateDigits = "20000101"

// precisions are how many digits a moment may have, down to the second, and the step to the next one.
var precisions = []struct {
	digits              int
	years, months, days int
	step                time.Duration
}{
	{digits: len("2006"), years: 1},
	{digits: len("200601"), months: 1},
	{digits: len("20060102"), days: 1},
	{digits: len("2006010215"), step: time.Hour},
	{digits: len("200601021504"), step: time.Minute},
	{digits: len("20060102150405"), step: time.Second},
}

// parseDigits reads YYYY[MM[DD[HH[MM[SS[.FFFFFF]]]]]] and what it covers.
func parseDigits(s []byte) (span, bool) {
	digits, fraction, hasFraction := bytes.Cut(s, []byte{'.'})
	for _, p := range precisions {
		if p.digits != len(digits) {
			continue
		}
		from, ok := parseInstant(digits)
		if !ok {
			return span{}, false
		}
		if hasFraction {
			return parseFraction(from, p.step, fraction)
		}
		return span{from, from.AddDate(p.years, p.months, p.days).Add(p.step - time.Nanosecond)}, true
	}
	return span{}, false
}

// parseInstant reads the digits of a moment; what is left out is the first there is. The second 60, which DICOM allows
// and package time does not know, is 59.
func parseInstant(digits []byte) (time.Time, bool) {
	year, ok := parseInteger(digits[:4])
	rest := [...]int{1, 1, 0, 0, 0}
	limits := [...]int{12, 31, 23, 59, 60}
	for i := range rest {
		if at := 4 + 2*i; at < len(digits) {
			n, valid := parseInteger(digits[at : at+2])
			ok = ok && valid && n >= rest[i] && n <= limits[i]
			rest[i] = n
		}
	}
	if bytes.ContainsAny(digits, "+-") {
		return time.Time{}, false
	}
	instant := time.Date(year, time.Month(rest[0]), rest[1], rest[2], rest[3], min(rest[4], 59), 0, time.UTC)
	return instant, ok && instant.Day() == rest[1] // no 30th of February
}

// parseFraction adds a fraction of a second.
func parseFraction(second time.Time, step time.Duration, fraction []byte) (span, bool) {
	n, ok := parseInteger(fraction)
	if step != time.Second || !ok || len(fraction) > 6 || bytes.ContainsAny(fraction, "+-") {
		return span{}, false
	}
	for range fraction {
		step /= 10
	}
	from := second.Add(time.Duration(n) * step)
	return span{from, from.Add(step - time.Nanosecond)}, true
}
