package dataset

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// side is what a match needs for the text of one of its two data sets.
type side struct {
	decoder textDecoder
	folded  []byte
	of      *Dataset // whose SpecificCharacterSet charset is
	charset []string
}

// reset keeps the memory.
func (s side) reset() side { return side{decoder: s.decoder, folded: s.folded} }

// text returns the value of e, which stands in d, as it is compared: text as characters, names folded. It is valid until
// the next call.
func (s *side) text(d *Dataset, e *Element, vr VR) []byte {
	text := e.Value
	if vr.text() && !isPlain(text) {
		if of := d.declaring(); of != s.of || s.charset == nil {
			s.of, s.charset = of, d.charset()
		}
		text, _ = s.decoder.decode(text, s.charset, vr == PN)
	}
	if vr != PN {
		return text
	}
	s.folded = appendFolded(slices.Grow(s.folded[:0], len(text)), text)
	return s.folded
}

// appendFolded appends names in the form in which they are compared: without regard to case (PS3.4 §C.2.2.2.1) and without
// empty components at the end.
func appendFolded(dst, names []byte) []byte {
	for len(names) > 0 {
		r, n := utf8.DecodeRune(names)
		names = names[n:]
		switch r {
		case '=':
			dst = bytes.TrimRight(dst, "^ ")
		case '\\':
			dst = bytes.TrimRight(dst, "^= ")
		}
		dst = utf8.AppendRune(dst, foldRune(r))
	}
	return bytes.TrimRight(dst, "^= \x00")
}

// foldRune maps all forms of a letter to one.
func foldRune(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// runeLength is how many bytes the first character of s has.
func runeLength(s []byte) int {
	_, n := utf8.DecodeRune(s)
	return n
}

// maxDigits is how long a decimal number is that is compared by its value: a DS (PS3.5 §6.2).
const maxDigits = 16

// sameNumber reports whether a and b are the same decimal number.
func sameNumber(a, b []byte) bool {
	x, okX := parseDecimal(a)
	y, okY := parseDecimal(b)
	return okX && okY && x == y
}

// decimal is a number as text has it, in its one normal form: the digits have no zero at the end.
type decimal struct {
	digits   int64
	exponent int
}

// parseDecimal reads an IS or DS.
func parseDecimal(s []byte) (d decimal, ok bool) {
	if len(s) > maxDigits {
		return decimal{}, false
	}
	mantissa, exponent := s, []byte(nil)
	if i := bytes.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
		if d.exponent, ok = parseInteger(exponent); !ok {
			return decimal{}, false
		}
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	digits := append(append(make([]byte, 0, maxDigits), whole...), fraction...)
	n, ok := parseInteger(digits)
	if !ok || bytes.ContainsAny(fraction, "+-") {
		return decimal{}, false
	}
	d.digits, d.exponent = int64(n), d.exponent-len(fraction)
	for d.digits != 0 && d.digits%10 == 0 {
		d.digits, d.exponent = d.digits/10, d.exponent+1
	}
	if d.digits == 0 {
		d.exponent = 0
	}
	return d, true
}

// parseInteger reads digits behind a sign or none.
func parseInteger(s []byte) (n int, ok bool) {
	negative := false
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		negative, s = s[0] == '-', s[1:]
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	if negative {
		n = -n
	}
	return n, len(s) > 0
}
