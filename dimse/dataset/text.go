package dataset

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Text returns the whole value of tag for display: decoded by SpecificCharacterSet where the VR is one of text, guessed
// where that does not fit, without the padding at its end. Several values keep the backslashes between them.
func (d *Dataset) Text(tag Tag) string {
	e, found := d.Lookup(tag)
	if !found {
		return ""
	}
	vr := e.meaning()
	value := []byte(trim(vr, string(e.Value)))
	var charset []string
	if vr.text() || vr == UN {
		charset = d.charset()
	}
	text, _ := decodeText(value, charset, vr == PN)
	return text
}

// DecodeText turns b into UTF-8 by the values of SpecificCharacterSet (PS3.5 §6.1.2), for people to read: what is
// stored and sent are always the bytes. Bytes that do not fit the declared character set, or need one where none is declared,
// are guessed to be UTF-8, Chinese (GB18030) or Latin-1, and guessed is true. It never fails.
func DecodeText(b []byte, charset []string) (text string, guessed bool) {
	return decodeText(b, charset, false)
}

// decodeText is DecodeText, for a person's name if name says so.
func decodeText(b []byte, charset []string, name bool) (string, bool) {
	if isPlain(b) {
		return string(b), false
	}
	if e, ok := whole(charset); ok {
		if text, ok := decodeWith(e, b); ok {
			return text, false
		}
		return guess(b), true
	}
	upper := upperSet(charset)
	dec := extension{initial: upper, upper: upper, lower: ascii, name: name}
	if text, ok := dec.decode(b); ok {
		return text, dec.guessed
	}
	return guess(b), true
}

// isPlain reports whether b is ASCII without escapes.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == escape {
			return false
		}
	}
	return true
}

// decodeWith decodes b and reports whether all of it has a meaning.
func decodeWith(e encoding.Encoding, b []byte) (string, bool) {
	text, err := e.NewDecoder().Bytes(b)
	return string(text), err == nil && !strings.ContainsRune(string(text), utf8.RuneError)
}

// guess decodes text of an unknown character set: UTF-8 when it is that, which hardly happens by chance; Chinese when
// most of the characters are then common ones, as in the many archives that declare no character set; Latin-1 otherwise.
func guess(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if text, ok := decodeWith(simplifiedchinese.GB18030, b); ok && mostlyHanzi(b) {
		return text
	}
	text, _ := decodeWith(charmap.ISO8859_1, b)
	return text
}

// mostlyHanzi reports whether most of the two-byte characters in b are hanzi of GB 2312, which lie in rows 16 to 87.
func mostlyHanzi(b []byte) bool {
	hanzi, others := 0, 0
	for i := 0; i < len(b); i++ {
		if b[i] < 0x80 {
			continue
		}
		if i+1 < len(b) && b[i] >= 0xB0 && b[i] <= 0xF7 && b[i+1] >= 0xA1 {
			hanzi++
		} else {
			others++
		}
		i++
	}
	return hanzi > others
}
