package bridge

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func date(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWindowsCoverTheRangeWithoutGapOrOverlap(t *testing.T) {
	tests := []struct {
		name        string
		first, last string
		step        time.Duration
		want        []string // dates|times of each window
	}{
		{"one day", "2026-01-31 00:00", "2026-01-31 00:00", 24 * time.Hour, []string{"20260131|"}},
		{"over a month's end", "2026-01-31 00:00", "2026-02-01 00:00", 24 * time.Hour, []string{"20260131|", "20260201|"}},
		{"a leap day", "2028-02-28 00:00", "2028-03-01 00:00", 24 * time.Hour, []string{"20280228|", "20280229|", "20280301|"}},
		{"no leap day", "2100-02-28 00:00", "2100-03-01 00:00", 24 * time.Hour, []string{"21000228|", "21000301|"}},
		{"several days a window, the last one shorter", "2026-03-01 00:00", "2026-03-05 00:00", 48 * time.Hour,
			[]string{"20260301-20260302|", "20260303-20260304|", "20260305|"}},
		{"half days", "2026-03-01 00:00", "2026-03-01 00:00", 12 * time.Hour,
			[]string{"20260301|000000-115959.999999", "20260301|120000-235959.999999"}},
		{"hours that do not divide a day stop at midnight", "2026-03-01 00:00", "2026-03-02 00:00", 16 * time.Hour,
			[]string{"20260301|000000-155959.999999", "20260301|160000-235959.999999",
				"20260302|000000-155959.999999", "20260302|160000-235959.999999"}},
		{"nothing when the range is turned round", "2026-03-02 00:00", "2026-03-01 00:00", 24 * time.Hour, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			windows := Windows(date(t, tt.first), date(t, tt.last), tt.step)
			var got []string
			for i, w := range windows {
				got = append(got, w.dates()+"|"+w.times())
				if i > 0 && !windows[i-1].To.Equal(w.From) {
					t.Errorf("gap or overlap between %v and %v", windows[i-1], w)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDaysOf23And25HoursAreDaysLikeOthers: dates are dates of the source, whatever the
// clocks do where this runs.
func TestDaysOf23And25HoursAreDaysLikeOthers(t *testing.T) {
	here, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	for _, days := range [][]string{{"20260328", "20260329", "20260330"}, {"20261024", "20261025", "20261026"}} {
		first, err := time.ParseInLocation(daLayout, days[0], here)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range Windows(first, first.AddDate(0, 0, 2), 24*time.Hour) {
			got = append(got, w.dates()+w.times())
		}
		if diff := cmp.Diff(days, got); diff != "" {
			t.Error(diff)
		}
		for _, w := range Windows(first.AddDate(0, 0, 1), first.AddDate(0, 0, 1), time.Hour) {
			if w.To.Sub(w.From) != time.Hour {
				t.Errorf("window %v is %s long", w, w.To.Sub(w.From))
			}
		}
		if n := len(Windows(first.AddDate(0, 0, 1), first.AddDate(0, 0, 1), time.Hour)); n != 24 {
			t.Errorf("%d windows of an hour, want 24", n)
		}
	}
}

func TestAWindowHoldsItsOwnDaysOnly(t *testing.T) {
	w := Window{From: date(t, "2026-03-01 00:00"), To: date(t, "2026-03-03 00:00")}
	for day, want := range map[string]bool{"2026-02-28": false, "2026-03-01": true, "2026-03-02": true, "2026-03-03": false, "": false} {
		if got := w.holds(day); got != want {
			t.Errorf("holds(%q) = %v, want %v", day, got, want)
		}
	}
}
