package dataset_test

import (
	"slices"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// hostileMatch is a query that asks for as much work and memory as it can.
type hostileMatch struct {
	what             string
	query, candidate *dataset.Dataset
}

func hostileMatches() []hostileMatch {
	one := func(what string, tag dataset.Tag, charset, key, value string) hostileMatch {
		of := func(v string) *dataset.Dataset {
			return dataset.New().SetString(dataset.SpecificCharacterSet, charset).SetString(tag, v)
		}
		return hostileMatch{what, of(key), of(value)}
	}
	many := func(s string) string { return strings.Repeat(s, 4000) }
	kanji, hangul := "\x1b$B;3\x1b(B", "\x1b$)C\xb1\xe8"
	matches := []hostileMatch{
		one("all pairs of many values", dataset.ModalitiesInStudy, "", many(`A\`), many(`B\`)),
		one("all pairs of many names", dataset.PatientName, "", many(`A^B=C\`), many(`X^Y=Z\`)),
		one("a pattern that goes back and back", dataset.PatientID, "", "*"+many("a")+"b", many("aa")),
		one("a pattern of stars", dataset.PatientID, "", many("*a"), many("ab")),
		one("all pairs of many dates", dataset.StudyDate, "", many(`2026.01.01\`), many(`2025.01.01\`)),
		one("all pairs of many times", dataset.StudyTime, "", many(`10:\`), many(`11:\`)),
		one("a range of hyphens", dataset.AcquisitionDateTime, "", many("-"), many(`2026\`)),
		one("pairs of ranges that are none", dataset.AcquisitionDateTime, "", many(`2026-1300-\`), many(`2026\`)),
		one("all pairs of many numbers", dataset.SeriesNumber, "", many(`1\`), many(`2\`)),
		one("long text of many runs", dataset.StudyDescription, `\ISO 2022 IR 87\ISO 2022 IR 149`, many(kanji+hangul), many(hangul+kanji)),
		one("text that is not what it is declared", dataset.StudyDescription, "ISO_IR 192", many("\xff"), many("\xfe\x80")),
		one("an endless list of character sets", dataset.StudyDescription, many(`ISO_IR 100\`), "\xfc", "\xe4"),
	}
	return append(matches, hostileSequences())
}

// hostileSequences is a sequence of many keys for one of many items, which all differ in the last.
func hostileSequences() hostileMatch {
	itemOf := func(last string) *dataset.Dataset {
		item := dataset.New()
		for i := range dataset.Tag(1000) {
			item.Set(dataset.Element{Tag: 0x00091001 + i, VR: dataset.LO, Value: []byte("x ")})
		}
		return item.SetString(dataset.StudyID, last)
	}
	items := slices.Repeat([]*dataset.Dataset{itemOf("this")}, 4000)
	query := dataset.New().SetSequence(dataset.RequestAttributesSequence, itemOf("that"))
	return hostileMatch{"many keys in many items", query, dataset.New().SetSequence(dataset.RequestAttributesSequence, items...)}
}

func TestNoQueryTakesMoreThanItsLengthJustifies(t *testing.T) {
	for _, h := range hostileMatches() {
		t.Run(h.what, func(t *testing.T) {
			dimsetest.Bounded(t, size(h.query)+size(h.candidate), func() {
				if dataset.Match(h.query, h.candidate) {
					t.Error("it matches")
				}
			})
		})
	}
}

// size is the length of all values.
func size(d *dataset.Dataset) (n int) {
	for _, e := range d.Elements {
		n += len(e.Value)
		for _, item := range e.Items {
			n += size(item)
		}
	}
	return n
}
