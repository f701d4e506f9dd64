package dataset

import (
	"bytes"
	"slices"
	"sync"
)

// Match reports whether candidate answers query by the rules of PS3.4 §C.2.2.2: an empty key matches anything, a list of
// UIDs any of them, a date, time or date-time with a hyphen a range, text with "*" or "?" a pattern, a sequence any item
// that has all its keys, and everything else itself. Names are compared without regard to case, all else by case. Text is
// compared as characters, so the two data sets may differ in their character sets. Where the candidate has several
// values, or the query several, one pair that matches is enough (§C.2.2.2.8).
//
// A query that takes more work than any honest one does is not answered: it matches nothing.
func Match(query, candidate *Dataset) bool {
	m := matchings.Get().(*matching)
	defer matchings.Put(m)
	*m = matching{steps: maxSteps, query: m.query.reset(), candidate: m.candidate.reset()}
	return m.match(query, candidate) && m.steps >= 0
}

const (
	// maxSteps and stepsPerByte bound the work of a match, in bytes compared and what costs as much: a few milliseconds,
	// and more in proportion to what is compared.
	maxSteps     = 1 << 20
	stepsPerByte = 16
	// elementSteps, pairSteps and momentSteps are what an element, a pair of values and a pair of moments count.
	elementSteps = 32
	pairSteps    = 32
	momentSteps  = 256
)

// matching is one match under way.
type matching struct {
	steps            int // left
	query, candidate side
}

// matchings keeps the memory for the next match.
var matchings = sync.Pool{New: func() any { return new(matching) }}

// spend takes n steps, and reports whether there were so many left.
func (m *matching) spend(n int) bool {
	m.steps -= n
	return m.steps >= 0
}

func (m *matching) match(query, candidate *Dataset) bool {
	for i := range query.Elements {
		key := &query.Elements[i]
		if !m.spend(elementSteps) || isKey(key.Tag) && !m.element(query, key, candidate) {
			return false
		}
	}
	return true
}

// isKey reports whether an element of a query asks for something, rather than saying how to understand the others
// (PS3.4 §C.4.1.1.3).
func isKey(tag Tag) bool {
	switch tag {
	case SpecificCharacterSet, QueryRetrieveLevel, queryRetrieveView, RetrieveAETitle, InstanceAvailability, TimezoneOffsetFromUTC:
		return false
	}
	return tag.Element() != 0
}

const queryRetrieveView Tag = 0x00080053

func (m *matching) element(query *Dataset, key *Element, candidate *Dataset) bool {
	if key.sequence() {
		return m.sequence(key, candidate.Sequence(key.Tag))
	}
	if universal(key) {
		return true
	}
	element, found := candidate.Lookup(key.Tag)
	if !found || len(element.Value) == 0 {
		return false
	}
	m.steps += stepsPerByte * (len(key.Value) + len(element.Value))
	vr := matchingVR(key, element)
	if vr.unit() > 1 || vr == OB || vr == UN {
		return bytes.Equal(key.Value, element.Value)
	}
	return m.anyPair(vr, m.query.text(query, key, vr), m.candidate.text(candidate, element, vr))
}

// universal reports whether a key matches whatever there is, even nothing (PS3.4 §C.2.2.2.3 and §C.2.2.2.4).
func universal(key *Element) bool {
	value := bytes.Trim(key.Value, " \x00")
	return len(value) == 0 || len(bytes.Trim(value, "*")) == 0 && wildcards(key.meaning())
}

// matchingVR is the VR by whose rules two elements are compared: of the two that they have, the better known.
func matchingVR(key, element *Element) VR {
	if vr := element.meaning(); vr != UN {
		return vr
	}
	return key.meaning()
}

// sequence compares the keys within a sequence's one item with all items of the candidate (PS3.4 §C.2.2.2.6).
func (m *matching) sequence(key *Element, items []*Dataset) bool {
	if len(key.Items) == 0 || m.match(key.Items[0], noElements) {
		return true
	}
	return slices.ContainsFunc(items, func(item *Dataset) bool { return m.match(key.Items[0], item) })
}

var noElements = New()

// anyPair reports whether one of the values wanted matches one that is there.
func (m *matching) anyPair(vr VR, wanted, values []byte) bool {
	for more := true; more; {
		var want []byte
		want, wanted, more = cutValue(vr, wanted)
		for rest, more := values, true; more; {
			var value []byte
			value, rest, more = cutValue(vr, rest)
			if m.steps < 0 || m.value(vr, want, value) {
				return m.steps >= 0
			}
		}
	}
	return false
}

// cutValue takes the first value off; more reports whether there is another.
func cutValue(vr VR, values []byte) (first, rest []byte, more bool) {
	first = values
	if !vr.single() {
		first, rest, more = bytes.Cut(values, []byte{'\\'})
	}
	return bytes.TrimSpace(bytes.Trim(first, " \x00")), rest, more
}

// value compares one value of a query with one of a candidate. Spaces around either mean nothing.
func (m *matching) value(vr VR, want, value []byte) bool {
	m.spend(pairSteps)
	switch vr {
	case DA, TM, DT:
		m.spend(momentSteps)
		return matchMoment(vr, want, value)
	case IS, DS:
		return bytes.Equal(want, value) || sameNumber(want, value)
	case PN:
		return m.name(want, value)
	}
	if wildcards(vr) {
		return m.pattern(want, value)
	}
	m.spend(min(len(want), len(value)))
	return bytes.Equal(want, value)
}

// wildcards reports whether "*" and "?" have a meaning in a key of vr (PS3.4 §C.2.2.2.4).
func wildcards(vr VR) bool {
	switch vr {
	case AE, CS, LO, LT, PN, SH, ST, UC, UR, UT:
		return true
	}
	return false
}

// name compares names that have been folded (PS3.4 §C.2.2.2.1). A key without "=" may match any of the ways in which the
// name is written (alphabetic, ideographic, phonetic).
func (m *matching) name(want, value []byte) bool {
	if m.pattern(want, value) {
		return true
	}
	if bytes.IndexByte(want, '=') >= 0 {
		return false
	}
	for more := true; more; {
		var group []byte
		if group, value, more = bytes.Cut(value, []byte{'='}); m.pattern(want, group) {
			return true
		}
	}
	return false
}

// pattern compares value with a pattern in which "*" stands for any characters, even none, and "?" for one. Brackets and
// all else stand for themselves.
func (m *matching) pattern(pattern, value []byte) bool {
	i, j, star, resume := 0, 0, -1, 0
	for j < len(value) {
		if !m.spend(1) {
			return false
		}
		switch {
		case i < len(pattern) && pattern[i] == '*':
			i++
			star, resume = i, j
		case i < len(pattern) && pattern[i] == '?':
			i++
			j += runeLength(value[j:])
		case i < len(pattern) && pattern[i] == value[j]:
			i++
			j++
		case star >= 0:
			resume += runeLength(value[resume:])
			i, j = star, resume
		default:
			return false
		}
	}
	m.spend(len(pattern) - i)
	return len(bytes.Trim(pattern[i:], "*")) == 0
}
