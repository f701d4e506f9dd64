package nondicom

import "testing"

func TestDatesAreReadWithTheYearFirst(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-31": "2026-01-31", "20260131": "2026-01-31", "2026/01/31": "2026-01-31", "2026.01.31": "2026-01-31",
		"2026-01-31T14:05:00+08:00": "2026-01-31", "2026-01-31 00:00:00": "2026-01-31", " 20260131 ": "2026-01-31", "2024-02-29": "2024-02-29",
		"": "", "0000-00-00": "", "00000000": "", "0000-00-00 00:00:00": "",
	} {
		if got, ok := isoDate(text); !ok || got != want {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{"31.01.2026", "01/31/2026", "2026-02-30", "2026", "TODAY", "unknown", "2026-1-3"} {
		if got, ok := isoDate(text); ok || got != "" {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}

func TestTimesAreReadWithOrWithoutADay(t *testing.T) {
	for text, want := range map[string]string{
		"14:05:06": "140506", "140506": "140506", "14:05": "140500", "1405": "140500", "14:05:06.25": "140506.25", "140506.123456": "140506.123456",
		"2026-01-31T14:05:06+08:00": "140506", "2026-01-31 14:05:06": "140506", "14:05:06-05:00": "140506", "14:05:06Z": "140506", "": "",
		"noon": "", "25:00": "",
	} {
		if got := dicomTime(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
