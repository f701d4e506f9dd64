package dataset

import (
	"strings"
	"time"
)

// span is what a date, time or date-time covers: a whole day, or the minute of "1030".
type span struct {
	from, to time.Time
}

// matchMoment compares a date, time or date-time with a key that is one or a range of them (PS3.4 §C.2.2.2.1 and
// §C.2.2.2.5). A key of less precision matches what lies within it.
func matchMoment(vr VR, want, value string) bool {
	v, ok := parseMoment(vr, value)
	if !ok {
		return want == value
	}
	wanted, ok := parseRange(vr, want)
	return ok && !v.from.Before(wanted.from) && !v.from.After(wanted.to)
}

// Open ends of a range.
var (
	beginningOfTime = time.Time{}
	endOfTime       = time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// parseRange reads a moment, "A-B", "A-" or "-B". In a date-time a hyphen may also be the sign of a time zone, which
// it is when that makes sense.
func parseRange(vr VR, s string) (span, bool) {
	if moment, ok := parseMoment(vr, s); ok {
		return moment, true
	}
	for i := range len(s) {
		if s[i] != '-' {
			continue
		}
		from, okFrom := parseBound(vr, s[:i])
		to, okTo := parseBound(vr, s[i+1:])
		if okFrom && okTo && len(s) > 1 {
			return span{from.from, to.to}, true
		}
	}
	return span{}, false
}

// parseBound reads one end of a range, where nothing means no end.
func parseBound(vr VR, s string) (span, bool) {
	if s = strings.TrimSpace(s); s == "" {
		return span{beginningOfTime, endOfTime}, true
	}
	return parseMoment(vr, s)
}

// parseMoment reads a DA, TM or DT value (PS3.5 §6.2), the forms with dots and colons of ACR-NEMA as well.
func parseMoment(vr VR, s string) (span, bool) {
	switch vr {
	case DA:
		if len(s) == len("2026.01.31") {
			s = strings.ReplaceAll(s, ".", "")
		}
		if len(s) != len(dateDigits) {
			return span{}, false
		}
		return parseDigits(s, time.UTC)
	case TM:
		s = strings.ReplaceAll(s, ":", "")
		if len(s) < 2 || len(s)%2 == 1 && !strings.Contains(s, ".") {
			return span{}, false
		}
		return parseDigits(dateDigits+s, time.UTC)
	}
	zone := time.UTC
	if i := len(s) - len("+0100"); i > 0 && (s[i] == '+' || s[i] == '-') {
		offset, err := time.Parse("-0700", s[i:])
		if err == nil {
			_, seconds := offset.Zone()
			if seconds < -12*3600 || seconds > 14*3600 {
				return span{}, false
			}
			s, zone = s[:i], time.FixedZone("", seconds)
		}
	}
	return parseDigits(s, zone)
}

// dateDigits is the day on which times of day are compared.
const dateDigits = "20000101"

// precisions are the forms that a moment may have, down to the second, and the step to the next one.
var precisions = []struct {
	layout              string
	years, months, days int
	step                time.Duration
}{
	{layout: "2006", years: 1},
	{layout: "200601", months: 1},
	{layout: "20060102", days: 1},
	{layout: "2006010215", step: time.Hour},
	{layout: "200601021504", step: time.Minute},
	{layout: "20060102150405", step: time.Second},
}

// parseDigits reads YYYY[MM[DD[HH[MM[SS[.FFFFFF]]]]]] and what it covers.
func parseDigits(s string, zone *time.Location) (span, bool) {
	digits, fraction, hasFraction := strings.Cut(s, ".")
	for _, p := range precisions {
		if len(p.layout) != len(digits) {
			continue
		}
		from, err := time.ParseInLocation(p.layout, leapSecond(digits), zone)
		if err != nil {
			return span{}, false
		}
		if hasFraction {
			return parseFraction(from, p.layout, fraction)
		}
		to := from.AddDate(p.years, p.months, p.days).Add(p.step - time.Nanosecond)
		return span{from, to}, true
	}
	return span{}, false
}

// leapSecond turns the second 60, which DICOM allows and package time does not, into 59.
func leapSecond(digits string) string {
	if len(digits) == len("20060102150405") && strings.HasSuffix(digits, "60") {
		return digits[:len(digits)-2] + "59"
	}
	return digits
}

// parseFraction adds a fraction of a second.
func parseFraction(second time.Time, layout, fraction string) (span, bool) {
	digits := strings.Trim(fraction, "0123456789") == ""
	if layout != "20060102150405" || fraction == "" || len(fraction) > 6 || !digits {
		return span{}, false
	}
	step := time.Second
	for range fraction {
		step /= 10
	}
	n, _ := time.ParseDuration("0." + fraction + "s")
	from := second.Add(n)
	return span{from, from.Add(step - time.Nanosecond)}, true
}
