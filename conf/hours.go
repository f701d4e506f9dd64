package conf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hours is when a peer may be used. No span at all means always.
type Hours []Span

// Open tells whether t lies inside the hours, by the clock on the wall in t's
// own time zone.
func (h Hours) Open(t time.Time) bool {
	if len(h) == 0 {
		return true
	}
	day, minute := t.Weekday(), t.Hour()*60+t.Minute()
	for _, s := range h {
		if s.covers(day, minute) {
			return true
		}
	}
	return false
}

// Next is the first moment at or after t at which the hours are open.
func (h Hours) Next(t time.Time) time.Time { return h.seek(t, true) }

// Close is the first moment at or after t at which the hours are not open;
// zero when they never close.
func (h Hours) Close(t time.Time) time.Time { return h.seek(t, false) }

// seek goes minute by minute, so that days of 23 and 25 hours need no thought.
// Nine days hold every week, whenever it begins.
func (h Hours) seek(t time.Time, open bool) time.Time {
	if h.Open(t) == open {
		return t
	}
	last := t.Add(9 * 24 * time.Hour)
	for t = t.Truncate(time.Minute); t.Before(last); {
		t = t.Add(time.Minute)
		if h.Open(t) == open {
			return t
		}
	}
	return time.Time{}
}

// Span is one entry of the hours: some days of the week, and the part of each
// of them. A part that ends before it begins runs into the next morning.
type Span struct {
	text       string
	days       [7]bool
	start, end int // minutes of the day; end 1440 is midnight
}

const dayMinutes = 24 * 60

func (s Span) covers(day time.Weekday, minute int) bool {
	if s.start < s.end {
		return s.days[day] && s.start <= minute && minute < s.end
	}
	yesterday := (day + 6) % 7
	return s.days[day] && minute >= s.start || s.days[yesterday] && minute < s.end
}

// String is the span as it was written.
func (s Span) String() string { return s.text }

// MarshalText writes the span as it was written.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// UnmarshalText reads "Mon-Fri 19:00-06:00", "Sat-Sun", "Wed" or "22:00-05:00".
func (s *Span) UnmarshalText(text []byte) error {
	span, err := parseSpan(string(text))
	if err != nil {
		return fmt.Errorf("%q: %w; write it like \"Mon-Fri 19:00-06:00\" or \"Sat-Sun\"", text, err)
	}
	*s = span
	return nil
}

func parseSpan(text string) (Span, error) {
	span := Span{text: text, end: dayMinutes, days: [7]bool{true, true, true, true, true, true, true}}
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > 2 {
		return span, errors.New("is not days and hours")
	}
	var err error
	if !strings.Contains(fields[0], ":") {
		if span.days, err = parseDays(fields[0]); err != nil {
			return span, err
		}
		fields = fields[1:]
	}
	switch len(fields) {
	case 0:
	case 1:
		span.start, span.end, err = parseClockRange(fields[0])
	default:
		err = errors.New("names hours twice")
	}
	return span, err
}

// parseDays reads "Sat" or "Mon-Fri"; "Sat-Mon" goes over the week's end.
func parseDays(text string) ([7]bool, error) {
	var days [7]bool
	from, to, isRange := strings.Cut(text, "-")
	first, err := parseDay(from)
	if err != nil {
		return days, err
	}
	last := first
	if isRange {
		if last, err = parseDay(to); err != nil {
			return days, err
		}
	}
	for d := first; ; d = (d + 1) % 7 {
		days[d] = true
		if d == last {
			return days, nil
		}
	}
}

func parseDay(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(text, d.String()[:3]) || strings.EqualFold(text, d.String()) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is not a day", text)
}

func parseClockRange(text string) (start, end int, err error) {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		return 0, 0, errors.New("the hours have no end")
	}
	if start, err = parseClock(from); err != nil {
		return 0, 0, err
	}
	if end, err = parseClock(to); err != nil {
		return 0, 0, err
	}
	if start == end || start == dayMinutes {
		return 0, 0, errors.New("the hours are empty")
	}
	return start, end, nil
}

func parseClock(text string) (int, error) {
	hour, minute, found := strings.Cut(text, ":")
	h, errHour := strconv.ParseUint(hour, 10, 8)
	m, errMinute := strconv.ParseUint(minute, 10, 8)
	total := int(h)*60 + int(m)
	if !found || errHour != nil || errMinute != nil || m > 59 || total > dayMinutes {
		return 0, fmt.Errorf("%q is not a time of day", text)
	}
	return total, nil
}
