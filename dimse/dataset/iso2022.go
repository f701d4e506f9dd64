package dataset

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const escape = 0x1B

// extension decodes text with code extension techniques (PS3.5 §6.1.2.5): escapes designate sets to the two halves of
// the code table. The designations of the beginning come back at the end of a line and between the parts of a name.
type extension struct {
	*textDecoder
	initial *set // in G1 at the beginning, nil for none
	upper   *set // in G1
	lower   *set // in G0
	last    *set // in G1 before it was reset
	name    bool // the text is a person's name
	guessed bool // some bytes had no set; the last one was taken
}

// decode decodes b, and reports whether all of it had a meaning.
func (x *extension) decode(b []byte) bool {
	for len(b) > 0 {
		n := 0
		switch {
		case b[0] == escape:
			n = x.designate(b)
		case b[0] >= 0x80:
			n = x.run(b, x.upperSet(), true)
		default:
			n = x.run(b, x.lower, false)
		}
		if n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// upperSet is the set for bytes of the upper half. Writers that do not repeat the escape behind a delimiter are common.
func (x *extension) upperSet() *set {
	if x.upper == nil && x.last != nil {
		x.guessed = true
		return x.last
	}
	return x.upper
}

// designate obeys an escape and returns its length, 0 for one that DICOM does not know.
func (x *extension) designate(b []byte) int {
	for _, t := range lowerSets {
		if bytes.HasPrefix(b[1:], []byte(t.escape)) {
			x.lower = t.set
			return 1 + len(t.escape)
		}
	}
	for _, t := range upperSets {
		if bytes.HasPrefix(b[1:], []byte(t.escape)) {
			x.upper = t.set
			return 1 + len(t.escape)
		}
	}
	return 0
}

// run decodes what lies in one half, to the next escape, control character or byte of the other half; it returns how
// much that was, 0 when the set has no such character.
func (x *extension) run(b []byte, s *set, upper bool) int {
	if s == nil {
		return 0
	}
	if !upper && (s.width == 1 || b[0] <= ' ') {
		return x.plain(b)
	}
	chars, n := x.chars[:0], 0
	for n < len(b) && (b[n] >= 0x80) == upper && b[n] > ' ' {
		if n+s.width > len(b) {
			return 0
		}
		char := b[n : n+s.width]
		if s.adapt == nil {
			chars = append(chars, char...)
		} else {
			chars = s.adapt(chars, char)
		}
		n += s.width
	}
	x.chars = chars
	if !x.append(s.encoding, chars) {
		return 0
	}
	return n
}

// plain copies one ASCII character, and resets the designations where it is a delimiter.
func (x *extension) plain(b []byte) int {
	x.out = append(x.out, b[0])
	if strings.IndexByte("\t\n\f\r\\", b[0]) >= 0 || x.name && (b[0] == '^' || b[0] == '=') {
		if x.upper != nil {
			x.last = x.upper
		}
		x.lower, x.upper = ascii, x.initial
	}
	return 1
}

// splitText parts the values of a text at its backslashes, except those that are the second byte of a character: of
// Chinese in GBK or GB18030, of kanji designated to the lower half.
func splitText(s string, charset []string) []string {
	if !strings.Contains(s, `\`) {
		return []string{s}
	}
	e, isWhole := whole(charset)
	chinese := isWhole && e != utf8Encoding
	var values []string
	first, width := 0, 1
	for i := 0; i < len(s); {
		switch {
		case s[i] == escape:
			if w := lowerWidth(s[i+1:]); w > 0 {
				width = w
			}
			i++
			for i < len(s) && s[i] >= 0x24 && s[i] <= 0x2F { // intermediate bytes; the last one follows
				i++
			}
			i++
		case s[i] == '\\' && width == 1:
			values = append(values, s[first:i])
			i++
			first = i
		case chinese && s[i] >= 0x81, width == 2 && s[i] > ' ' && s[i] < utf8.RuneSelf:
			i += 2
		default:
			i++
		}
	}
	return append(values, s[min(first, len(s)):])
}

// lowerWidth is the width of the set that an escape designates to the lower half, 0 when it designates none there.
func lowerWidth(escape string) int {
	for _, t := range lowerSets {
		if strings.HasPrefix(escape, t.escape) {
			return t.set.width
		}
	}
	return 0
}
