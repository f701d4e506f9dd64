package bridge

import (
	"fmt"
	"strings"
	"time"
)

// dayLayout is how days are written in the ledger; daLayout is the DA value
// representation of DICOM (PS3.5 §6.2), tmLayout its TM to the second.
const (
	dayLayout = "2006-01-02"
	daLayout  = "20060102"
	tmLayout  = "150405"
)

// Window is a stretch of the date range that one inventory query covers: from
// From (included) to To (excluded). Its dates are dates of the old PACS, without
// a time zone; they are kept in UTC and never compared with the clock.
type Window struct {
	From, To time.Time
}

// Windows cuts the days from first to last, both included, into windows of
// step. A step below a day divides each day and never crosses midnight.
func Windows(first, last time.Time, step time.Duration) []Window {
	var windows []Window
	end := day(last).AddDate(0, 0, 1)
	for from := day(first); from.Before(end); {
		to := from.Add(step)
		if midnight := day(from).AddDate(0, 0, 1); step < 24*time.Hour && to.After(midnight) {
			to = midnight
		}
		if to.After(end) {
			to = end
		}
		windows = append(windows, Window{From: from, To: to})
		from = to
	}
	return windows
}

// String names the window in log lines: its first day, and its hours where it
// is shorter than a day.
func (w Window) String() string {
	if w.wholeDays() {
		return fmt.Sprintf("%s..%s", w.From.Format(dayLayout), w.lastDay().Format(dayLayout))
	}
	return fmt.Sprintf("%s %s-%s", w.From.Format(dayLayout), w.From.Format(tmLayout), w.lastSecond().Format(tmLayout))
}

// dates returns the value of Study Date that asks for this window.
func (w Window) dates() string {
	first, last := w.From.Format(daLayout), w.lastDay().Format(daLayout)
	if first == last {
		return first
	}
	return first + "-" + last
}

// times returns the value of Study Time that asks for this window, empty where
// the window is whole days. A TM range is inclusive (PS3.4 §C.2.2.2.5).
func (w Window) times() string {
	if w.wholeDays() {
		return ""
	}
	return w.From.Format(tmLayout) + "-" + w.lastSecond().Format(tmLayout) + ".999999"
}

// holds reports whether a study of this DICOM date belongs to the window; some
// archives answer with more than was asked for.
func (w Window) holds(date string) bool {
	d, err := time.Parse(dayLayout, date)
	return err == nil && !d.Before(day(w.From)) && !d.After(w.lastDay())
}

// holdsTime reports whether a Study Time (TM, PS3.5 §6.2) of a day in the window
// belongs to it. A time that is absent or no time counts as right.
func (w Window) holdsTime(date, tm string) bool {
	if w.wholeDays() {
		return true
	}
	tm, _, _ = strings.Cut(strings.ReplaceAll(strings.TrimSpace(tm), ":", ""), ".")
	if len(tm) < 2 {
		return true
	}
	at, err := time.Parse(dayLayout+tmLayout, date+(tm + "0000")[:6])
	return err != nil || !at.Before(w.From) && at.Before(w.To)
}

func (w Window) wholeDays() bool       { return w.From.Equal(day(w.From)) && w.To.Equal(day(w.To)) }
func (w Window) lastDay() time.Time    { return day(w.To.Add(-time.Nanosecond)) }
func (w Window) lastSecond() time.Time { return w.To.Add(-time.Second) }

func day(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
