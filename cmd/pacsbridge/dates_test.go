package main

import (
	"testing"
)

func TestDaysAreRead(t *testing.T) {
	for _, c := range []struct {
		name, from, to   string
		wantFrom, wantTo string
		refused          bool
	}{
		{"both ways of writing", "2026-01-31", "20260201", "2026-01-31", "2026-02-01", false},
		{"one day", "20260131", "2026-01-31", "2026-01-31", "2026-01-31", false},
		{"no days at all", "", "", "", "", false},
		{"an open end", "2026-01-31", "", "2026-01-31", "", false},
		{"the wrong way round", "2026-02-01", "2026-01-31", "", "", true},
		{"a day that never was", "2026-02-29", "", "", "", true},
		{"a time as well", "2026-01-31T10:00", "", "", "", true},
		{"the local fashion", "31.01.2026", "", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			days := dayRange{c.from, c.to}
			from, to, err := days.days()
			if c.refused {
				if exitCode(t.Context(), err, true) != exitUsage {
					t.Errorf("got %v, want a fault of usage", err)
				}
				return
			}
			if err != nil || isoDay(from) != c.wantFrom || isoDay(to) != c.wantTo {
				t.Errorf("got %s to %s, %v; want %s to %s", isoDay(from), isoDay(to), err, c.wantFrom, c.wantTo)
			}
		})
	}
}
