package conf_test

import (
	"testing"
	"time"

	"pacsbridge/conf"
)

func hours(t *testing.T, texts ...string) conf.Hours {
	t.Helper()
	h := make(conf.Hours, len(texts))
	for i, text := range texts {
		if err := h[i].UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// at reads a moment of the week of Monday 2 March 2026.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestHoursAreOpen(t *testing.T) {
	night := hours(t, "Mon-Fri 19:00-06:00", "Sat-Sun")
	for _, c := range []struct {
		name   string
		hours  conf.Hours
		moment string
		want   bool
	}{
		{"no hours are always open", nil, "2026-03-04 12:00:00", true},
		{"noon of a working day", night, "2026-03-04 12:00:00", false},
		{"the last second before the evening", night, "2026-03-04 18:59:59", false},
		{"the evening's first second", night, "2026-03-04 19:00:00", true},
		{"the night after a working day", night, "2026-03-05 05:59:59", true},
		{"the morning the night ends", night, "2026-03-05 06:00:00", false},
		{"the night of Sunday to Monday is not Monday's", night, "2026-03-02 00:00:00", false},
		{"the night of Friday to Saturday", night, "2026-03-07 02:00:00", true},
		{"Saturday noon", night, "2026-03-07 12:00:00", true},
		{"Sunday's last second", night, "2026-03-08 23:59:59", true},
		{"every night", hours(t, "22:00-05:00"), "2026-03-08 23:00:00", true},
		{"over the week's end", hours(t, "Sat-Mon"), "2026-03-02 10:00:00", true},
		{"outside the week's end", hours(t, "Sat-Mon"), "2026-03-03 10:00:00", false},
		{"up to midnight", hours(t, "tuesday 12:00-24:00"), "2026-03-03 23:59:00", true},
		{"not beyond midnight", hours(t, "tuesday 12:00-24:00"), "2026-03-04 00:00:00", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.hours.Open(at(t, c.moment)); got != c.want {
				t.Errorf("Open(%s) = %v, want %v", c.moment, got, c.want)
			}
		})
	}
}

func TestNextAndCloseFindTheChange(t *testing.T) {
	night := hours(t, "Mon-Fri 19:00-06:00", "Sat-Sun")
	for _, c := range []struct{ from, next, closing string }{
		{"2026-03-04 12:00:30", "2026-03-04 19:00:00", "2026-03-04 12:00:30"},
		{"2026-03-04 20:00:30", "2026-03-04 20:00:30", "2026-03-05 06:00:00"},
		{"2026-03-06 20:00:00", "2026-03-06 20:00:00", "2026-03-09 00:00:00"},
	} {
		if got := night.Next(at(t, c.from)); !got.Equal(at(t, c.next)) {
			t.Errorf("Next(%s) = %s, want %s", c.from, got, c.next)
		}
		if got := night.Close(at(t, c.from)); !got.Equal(at(t, c.closing)) {
			t.Errorf("Close(%s) = %s, want %s", c.from, got, c.closing)
		}
	}
	if got := (conf.Hours)(nil).Close(at(t, "2026-03-04 12:00:00")); !got.IsZero() {
		t.Errorf("hours that never close closed at %s", got)
	}
}

func TestHoursFollowTheClockOnTheWall(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	early := hours(t, "02:30-03:30") // on 29 March 2026 the clock goes from 02:00 to 03:00
	from := time.Date(2026, 3, 29, 0, 0, 0, 0, berlin)
	if got, want := early.Next(from), time.Date(2026, 3, 29, 3, 0, 0, 0, berlin); !got.Equal(want) {
		t.Errorf("Next = %s, want %s", got, want)
	}
}

func TestSpansThatMeanNothingAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "Mon Tue", "Mon-", "Mon 10:00", "10:00-10:00", "Mon 10:60-11:00", "24:00-06:00",
		"Mon 10:00-24:01", "Mon 10:00-11:00 12:00-13:00", "Moonday", "10:00-11:00 Mon", "-1:00-2:00",
	} {
		if err := new(conf.Span).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
