package dataset

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Match reports whether candidate answers query by the rules of PS3.4 §C.2.2.2: an empty key matches anything, a list of
// UIDs any of them, a date, time or date-time with a hyphen a range, text with "*" or "?" a pattern, a sequence any item
// that has all its keys, and everything else itself. Names are compared without regard to case, all else by case. Text is
// compared as characters, so the two data sets may differ in their character sets. Where the candidate has several
// values, or the query several, one pair that matches is enough (§C.2.2.2.8).
func Match(query, candidate *Dataset) bool {
	for i := range query.Elements {
		key := &query.Elements[i]
		if isKey(key.Tag) && !matchElement(query, key, candidate) {
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

// maxPairs is how many pairs of values two elements may make; a query that makes more is no query.
const maxPairs = 1 << 20

func matchElement(query *Dataset, key *Element, candidate *Dataset) bool {
	if key.sequence() {
		return matchSequence(key, candidate.Sequence(key.Tag))
	}
	if universal(key) {
		return true
	}
	element, found := candidate.Lookup(key.Tag)
	if !found || len(element.Value) == 0 {
		return false
	}
	vr := matchingVR(key, element)
	if vr.unit() > 1 || vr == OB || vr == UN {
		return bytes.Equal(key.Value, element.Value)
	}
	wanted, values := query.texts(key, vr), candidate.texts(element, vr)
	if len(wanted)*len(values) > maxPairs {
		return false
	}
	return slices.ContainsFunc(wanted, func(want string) bool {
		return slices.ContainsFunc(values, func(value string) bool { return matchValue(vr, want, value) })
	})
}

// universal reports whether a key matches whatever there is, even nothing (PS3.4 §C.2.2.2.3 and §C.2.2.2.4).
func universal(key *Element) bool {
	value := strings.Trim(string(key.Value), " \x00")
	return value == "" || strings.Trim(value, "*") == "" && wildcards(key.meaning())
}

// matchingVR is the VR by whose rules two elements are compared: of the two that they have, the better known.
func matchingVR(key, element *Element) VR {
	if vr := element.meaning(); vr != UN {
		return vr
	}
	return key.meaning()
}

// matchSequence compares the keys within a sequence's one item with all items of the candidate (PS3.4 §C.2.2.2.6).
func matchSequence(key *Element, items []*Dataset) bool {
	if len(key.Items) == 0 || Match(key.Items[0], New()) {
		return true
	}
	return slices.ContainsFunc(items, func(item *Dataset) bool { return Match(key.Items[0], item) })
}

// texts returns the values of e as characters, without the padding.
func (d *Dataset) texts(e *Element, vr VR) []string {
	values := d.Strings(e.Tag)
	if !vr.text() {
		return values
	}
	for i, v := range values {
		values[i], _ = decodeText([]byte(v), d.charset(), vr == PN)
	}
	return values
}

// matchValue compares one value of a query with one of a candidate. Spaces around either mean nothing.
func matchValue(vr VR, want, value string) bool {
	want, value = strings.TrimSpace(want), strings.TrimSpace(value)
	switch vr {
	case UI:
		return want == value
	case DA, TM, DT:
		return matchMoment(vr, want, value)
	case IS, DS:
		return want == value || sameNumber(want, value)
	case PN:
		return matchName(want, value)
	}
	if wildcards(vr) {
		return matchPattern(want, value)
	}
	return want == value
}

// wildcards reports whether "*" and "?" have a meaning in a key of vr (PS3.4 §C.2.2.2.4).
func wildcards(vr VR) bool {
	switch vr {
	case AE, CS, LO, LT, PN, SH, ST, UC, UR, UT:
		return true
	}
	return false
}

func sameNumber(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

// matchName compares names without regard to case and to empty components at the end (PS3.4 §C.2.2.2.1). A key without
// "=" may match any of the ways in which the name is written (alphabetic, ideographic, phonetic).
func matchName(want, value string) bool {
	want, value = foldName(want), foldName(value)
	if matchPattern(want, value) {
		return true
	}
	if strings.Contains(want, "=") {
		return false
	}
	return slices.ContainsFunc(strings.Split(value, "="), func(group string) bool { return matchPattern(want, group) })
}

// foldName brings a name into the form in which names are compared.
func foldName(name string) string {
	groups := strings.Split(strings.Map(foldRune, name), "=")
	for i, group := range groups {
		groups[i] = strings.TrimRight(group, "^ ")
	}
	return strings.TrimRight(strings.Join(groups, "="), "=")
}

// foldRune maps all forms of a letter to one.
func foldRune(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// maxPattern is the longest key that is taken for a pattern; longer ones match themselves. It bounds the time of a match.
const maxPattern = 1 << 10

// matchPattern compares value with a pattern in which "*" stands for any characters, even none, and "?" for one. Brackets
// and all else stand for themselves.
func matchPattern(pattern, value string) bool {
	if len(pattern) > maxPattern {
		return pattern == value
	}
	i, j, star, resume := 0, 0, -1, 0
	for j < len(value) {
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
	return strings.Trim(pattern[i:], "*") == ""
}

// runeLength is how many bytes the first character of s has.
func runeLength(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}
