package main

import (
	"time"

	"github.com/spf13/pflag"
)

// dayRange is what --from and --to say: two days, both included, either of
// which may be left open.
type dayRange struct {
	fromText, toText string
}

func (r *dayRange) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&r.fromText, "from", "", "first day, as 2026-01-31 or 20260131")
	flags.StringVar(&r.toText, "to", "", "last day, included")
}

// days reads both ends; an open end is the zero time.
func (r *dayRange) days() (from, to time.Time, err error) {
	if from, err = parseDay("--from", r.fromText); err != nil {
		return from, to, err
	}
	if to, err = parseDay("--to", r.toText); err != nil {
		return from, to, err
	}
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		return from, to, usagef("--from %s is after --to %s", isoDay(from), isoDay(to))
	}
	return from, to, nil
}

func parseDay(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, dicomDay} {
		if day, err := time.Parse(layout, text); err == nil {
			return day, nil
		}
	}
	return time.Time{}, usagef("%s %q is not a day: write it as 2026-01-31 or 20260131", flag, text)
}

// dicomDay is the layout of the value representation DA (PS3.5 §6.2).
const dicomDay = "20060102"

// isoDay writes a day as the ledger does; the zero time is "".
func isoDay(day time.Time) string {
	if day.IsZero() {
		return ""
	}
	return day.Format(time.DateOnly)
}
