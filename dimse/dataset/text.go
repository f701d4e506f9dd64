package dataset

import (
	"bytes"
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"
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
	d := textDecoders.Get().(*textDecoder)
	defer textDecoders.Put(d)
	text, guessed := d.decode(b, charset, name)
	return string(text), guessed
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

// A textDecoder decodes text into memory that it uses again.
type textDecoder struct {
	out      []byte
	chars    []byte // of one run, as its encoding has them
	decoders map[encoding.Encoding]*encoding.Decoder
}

// textDecoders keeps the memory for the next text.
var textDecoders = sync.Pool{New: func() any { return new(textDecoder) }}

// decode is decodeText for text that is not plain. What it returns is valid until the next call.
func (d *textDecoder) decode(b []byte, charset []string, name bool) (text []byte, guessed bool) {
	d.out = slices.Grow(d.out[:0], len(b))
	if e, ok := whole(charset); ok {
		if d.append(e, b) {
			return d.out, false
		}
		return d.guess(b), true
	}
	upper := upperSet(charset)
	x := extension{textDecoder: d, initial: upper, upper: upper, lower: ascii, name: name}
	if x.decode(b) {
		return d.out, x.guessed
	}
	return d.guess(b), true
}

// append appends b as characters of e to the output, and reports whether all of it has a meaning. Where it has not, the
// output ends anywhere.
func (d *textDecoder) append(e encoding.Encoding, b []byte) bool {
	if e == utf8Encoding {
		d.out = append(d.out, b...)
		return utf8.Valid(b) && !bytes.ContainsRune(b, utf8.RuneError)
	}
	decoder, start := d.decoder(e), len(d.out)
	for {
		n, used, err := decoder.Transform(d.out[len(d.out):cap(d.out)], b, true)
		d.out, b = d.out[:len(d.out)+n], b[used:]
		if err != transform.ErrShortDst {
			return err == nil && !bytes.ContainsRune(d.out[start:], utf8.RuneError)
		}
		d.out = slices.Grow(d.out, utf8.UTFMax+len(b)*3/2)
	}
}

// decoder is the decoder of an encoding, as new.
func (d *textDecoder) decoder(e encoding.Encoding) *encoding.Decoder {
	decoder, found := d.decoders[e]
	if !found {
		if d.decoders == nil {
			d.decoders = make(map[encoding.Encoding]*encoding.Decoder)
		}
		decoder = e.NewDecoder()
		d.decoders[e] = decoder
	}
	decoder.Reset()
	return decoder
}

// guess decodes text of an unknown character set: UTF-8 when it is that, which hardly happens by chance; Chinese when
// most of the characters are then common ones, as in the many archives that declare no character set; Latin-1 otherwise.
func (d *textDecoder) guess(b []byte) []byte {
	d.out = d.out[:0]
	if utf8.Valid(b) {
		d.out = append(d.out, b...)
		return d.out
	}
	if mostlyHanzi(b) && d.append(simplifiedchinese.GB18030, b) {
		return d.out
	}
	d.out = d.out[:0]
	d.append(charmap.ISO8859_1, b)
	return d.out
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
