package dataset_test

import (
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
)

// oneKeyCases are keys against one value each.
var oneKeyCases = []struct {
	what  string
	tag   dataset.Tag
	key   string
	value string
	want  bool
}{
	{"universal", dataset.PatientID, "", "1", true},
	{"universal, padded", dataset.PatientID, "  ", "1", true},
	{"a star alone", dataset.PatientID, "*", "", true},
	{"single value", dataset.PatientID, "AB1", "AB1", true},
	{"single value, padded", dataset.PatientID, "AB1 ", "AB1", true},
	{"single value, other case", dataset.PatientID, "ab1", "AB1", false},
	{"single value, other", dataset.PatientID, "AB1", "AB12", false},
	{"single value against none", dataset.PatientID, "AB1", "", false},
	{"number by its value", dataset.SeriesNumber, "2", "+02", true},
	{"another number", dataset.SeriesNumber, "2", "3", false},
	{"a decimal number by its value", 0x00180050, "2.50", "+25e-1", true},
	{"another decimal number", 0x00180050, "2.5", "2.05", false},
	{"a number that is none", 0x00180050, "2.+5", "2.5", false},
	{"a binary number", dataset.Rows, "512", "512", true},
	{"another binary number", dataset.Rows, "512", "513", false},

	{"one UID", dataset.StudyInstanceUID, "1.2", "1.2", true},
	{"another UID", dataset.StudyInstanceUID, "1.2", "1.20", false},
	{"a list of UIDs", dataset.StudyInstanceUID, `1.1\1.2\1.3`, "1.2", true},
	{"a list of other UIDs", dataset.StudyInstanceUID, `1.1\1.3`, "1.2", false},
	{"no wildcard in UIDs", dataset.StudyInstanceUID, "1.*", "1.2", false},
	{"a star alone is no universal key of UIDs", dataset.StudyInstanceUID, "*", "1.2", false},

	{"star at the end", dataset.PatientID, "AB*", "AB1", true},
	{"star that stands for nothing", dataset.PatientID, "AB*", "AB", true},
	{"star in the middle", dataset.PatientID, "A*Z", "A-*-Z", true},
	{"stars that must go back", dataset.PatientID, "*aab*b", "aaaabcaabxb", true},
	{"star that finds no end", dataset.PatientID, "A*Z", "AZY", false},
	{"question mark", dataset.PatientID, "A?C", "ABC", true},
	{"question mark stands for something", dataset.PatientID, "AB?", "AB", false},
	{"brackets are themselves", dataset.PatientID, "A[BC]", "A[BC]", true},
	{"brackets are no class", dataset.PatientID, "A[BC]", "AB", false},
	{"backslash-free escapes are themselves", dataset.PatientID, "A{1}*", "A{1}2", true},
	{"no wildcard in ages", dataset.PatientAge, "0*Y", "030Y", false},

	{"names without regard to case", dataset.PatientName, "doe^john", "DOE^John", true},
	{"names with a star", dataset.PatientName, "doe*", "Doe^John", true},
	{"names with empty components behind", dataset.PatientName, "Doe^John", "Doe^John^^^", true},
	{"a part of a name", dataset.PatientName, "Doe", "Doe^John", false},
	{"any group of a name", dataset.PatientName, "山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", true},
	{"all groups of a name", dataset.PatientName, "yamada^tarou=山田^太郎", "Yamada^Tarou=山田^太郎", true},
	{"a question mark stands for a character", dataset.PatientName, "山?^*", "山田^太郎", true},

	{"a date", dataset.StudyDate, "20260131", "20260131", true},
	{"a date in the old form", dataset.StudyDate, "20260131", "2026.01.31", true},
	{"another date", dataset.StudyDate, "20260131", "20260130", false},
	{"a range of dates, first day", dataset.StudyDate, "20260101-20260131", "20260101", true},
	{"a range of dates, last day", dataset.StudyDate, "20260101-20260131", "20260131", true},
	{"a range of dates, the day after", dataset.StudyDate, "20260101-20260131", "20260201", false},
	{"from a date on", dataset.StudyDate, "20260101-", "20300101", true},
	{"from a date on, the day before", dataset.StudyDate, "20260101-", "20251231", false},
	{"up to a date", dataset.StudyDate, "-20260101", "20260101", true},
	{"up to a date, the day after", dataset.StudyDate, "-20260101", "20260102", false},
	{"a range around no date", dataset.StudyDate, "20260101-20260131", "", false},
	{"a range that is none", dataset.StudyDate, "20260101-x", "20260101", false},
	{"a hyphen alone", dataset.StudyDate, "-", "20260101", false},
	{"a date that is none", dataset.StudyDate, "2026ABCD", "2026ABCD", true},
	{"a day that is none", dataset.StudyDate, "20260201-20260310", "20260230", false},
	{"the 29th of February", dataset.StudyDate, "20240201-20240310", "20240229", true},

	{"a time", dataset.StudyTime, "101112", "101112", true},
	{"a time of less precision", dataset.StudyTime, "1011", "101159.5", true},
	{"a time of less precision, later", dataset.StudyTime, "1011", "101200", false},
	{"a time with colons", dataset.StudyTime, "10:11", "101130", true},
	{"a range of times", dataset.StudyTime, "08-1011", "101159.999999", true},
	{"a range of times, later", dataset.StudyTime, "08-1011", "1012", false},
	{"fractions", dataset.StudyTime, "101112.5-101112.75", "101112.6", true},
	{"fractions, earlier", dataset.StudyTime, "101112.5-101112.75", "101112.49", false},
	{"a leap second", dataset.StudyTime, "235900-", "235960", true},
	{"up to a time", dataset.StudyTime, "-1200", "1200", true},

	{"a date and time", dataset.AcquisitionDateTime, "20260131101112", "20260131101112.000000", true},
	{"a day of dates and times", dataset.AcquisitionDateTime, "20260131", "20260131101112", true},
	{"a range of dates and times", dataset.AcquisitionDateTime, "2025-202601", "20260131235959.9", true},
	{"a range of dates and times, later", dataset.AcquisitionDateTime, "2025-202601", "20260201", false},
	{"time zones", dataset.AcquisitionDateTime, "20260131100000+0100", "20260131090000+0000", true},
	{"time zones in a range", dataset.AcquisitionDateTime, "20260131100000-0500-20260131110000-0500", "20260131153000+0000", true},
	{"a hyphen that is a time zone", dataset.AcquisitionDateTime, "20260131100000-0500", "20260131150000+0000", true},
	{"another time zone", dataset.AcquisitionDateTime, "20260131100000-0500", "20260131100000+0000", false},
	{"years that might be a time zone but are none", dataset.AcquisitionDateTime, "2025-2026", "20260131", true},

	{"any of several values", dataset.ModalitiesInStudy, "MR", `CT\MR`, true},
	{"none of several values", dataset.ModalitiesInStudy, "US", `CT\MR`, false},
	{"several keys", dataset.ModalitiesInStudy, `US\MR`, `CT\MR`, true},
	{"patterns against several values", dataset.ModalitiesInStudy, "M*", `CT\MR`, true},
}

func TestMatchOfOneKey(t *testing.T) {
	for _, c := range oneKeyCases {
		charset := dataset.New().SetString(dataset.SpecificCharacterSet, "ISO_IR 192")
		query := dataset.New().SetString(dataset.QueryRetrieveLevel, "STUDY").
			SetString(dataset.SpecificCharacterSet, "ISO_IR 192").SetString(c.tag, strings.Split(c.key, `\`)...)
		if c.key == "" {
			query.SetString(c.tag)
		}
		candidate := charset
		if c.value != "" {
			candidate.SetString(c.tag, strings.Split(c.value, `\`)...)
		}
		if got := dataset.Match(query, candidate); got != c.want {
			t.Errorf("%s: %q against %q = %v, want %v", c.what, c.key, c.value, got, c.want)
		}
	}
}

func TestMatchOfSeveralKeysNeedsThemAll(t *testing.T) {
	candidate := dataset.New().SetString(dataset.PatientID, "1").SetString(dataset.Modality, "CT")
	query := dataset.New().SetString(dataset.PatientID, "1").SetString(dataset.Modality, "MR").SetString(dataset.StudyDate)
	if dataset.Match(query, candidate) {
		t.Error("a key that does not match is forgotten")
	}
	if !dataset.Match(query.SetString(dataset.Modality, "C?"), candidate) || !dataset.Match(dataset.New(), candidate) {
		t.Error("all keys match, and yet not")
	}
}

func TestMatchOfSequences(t *testing.T) {
	item := func(id, uid string) *dataset.Dataset {
		d := dataset.New().SetString(dataset.StudyID, id)
		if uid != "" {
			d.SetString(dataset.StudyInstanceUID, uid)
		}
		return d
	}
	candidate := dataset.New().SetSequence(dataset.RequestAttributesSequence, item("A", "1.1"), item("B", "1.2"))
	for _, c := range []struct {
		what string
		key  []*dataset.Dataset
		want bool
	}{
		{"empty", nil, true},
		{"an empty item", []*dataset.Dataset{dataset.New()}, true},
		{"universal keys", []*dataset.Dataset{dataset.New().SetString(dataset.StudyID)}, true},
		{"one item", []*dataset.Dataset{item("B", "")}, true},
		{"one item with both keys", []*dataset.Dataset{item("B", "1.2")}, true},
		{"keys of two items", []*dataset.Dataset{item("A", "1.2")}, false},
		{"no item", []*dataset.Dataset{item("C", "")}, false},
	} {
		query := dataset.New().SetSequence(dataset.RequestAttributesSequence, c.key...)
		if got := dataset.Match(query, candidate); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	universal := dataset.New().SetSequence(dataset.RequestAttributesSequence, dataset.New().SetString(dataset.StudyID))
	if !dataset.Match(universal, dataset.New()) {
		t.Error("universal keys in a sequence do not match a candidate without it")
	}
	if dataset.Match(dataset.New().SetSequence(dataset.RequestAttributesSequence, item("A", "")), dataset.New()) {
		t.Error("a key in a sequence matches a candidate without it")
	}
}

func TestMatchOfNamesInDifferentCharacterSets(t *testing.T) {
	query := dataset.New().SetString(dataset.SpecificCharacterSet, "ISO_IR 192").SetString(dataset.PatientName, "王*")
	candidate := dataset.New().SetString(dataset.SpecificCharacterSet, "GB18030").SetString(dataset.PatientName, "\xcd\xf5^\xd0\xa1\xb6\xab")
	if !dataset.Match(query, candidate) {
		t.Error("the same characters in different character sets do not match")
	}
}
