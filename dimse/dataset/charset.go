package dataset

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// A set is what one half of the code table can stand for (PS3.3 §C.12.1.1.2): characters of one or two bytes, in the
// lower half (G0) or the upper half (G1), with the encoding that reads them.
type set struct {
	width    int
	encoding encoding.Encoding
	adapt    func(dst, char []byte) []byte // from the set's bytes to the encoding's; nil where they are the same
}

var (
	utf8Encoding = encoding.Encoding(unicode.UTF8)
	ascii        = &set{width: 1, encoding: utf8Encoding}
	katakana     = &set{width: 1, encoding: japanese.ShiftJIS} // JIS X 0201, both halves
	kanji        = &set{width: 2, encoding: japanese.EUCJP, adapt: upperHalf}
	moreKanji    = &set{width: 2, encoding: japanese.EUCJP, adapt: func(dst, char []byte) []byte {
		return upperHalf(append(dst, 0x8F), char)
	}}
	hangul = &set{width: 2, encoding: korean.EUCKR}
	hanzi  = &set{width: 2, encoding: simplifiedchinese.GBK} // GB 2312 is its part with both bytes in the upper half
)

// upperHalf moves a character of the lower half to the upper, where EUC has it.
func upperHalf(dst, char []byte) []byte { return append(dst, char[0]|0x80, char[1]|0x80) }

func singleByte(e encoding.Encoding) *set { return &set{width: 1, encoding: e} }

// term is a defined term of SpecificCharacterSet (PS3.3 tables C.12-2 to C.12-5), without "ISO_IR " or "ISO 2022 IR ".
type term struct {
	number string
	escape string // that designates the set to its half (PS3.5 §6.1.2.5.3)
	set    *set
}

// upperSets are the sets that stand in G1; the first value of SpecificCharacterSet may put one there without an escape.
var upperSets = []term{
	{"100", "-A", singleByte(charmap.ISO8859_1)},
	{"101", "-B", singleByte(charmap.ISO8859_2)},
	{"109", "-C", singleByte(charmap.ISO8859_3)},
	{"110", "-D", singleByte(charmap.ISO8859_4)},
	{"144", "-L", singleByte(charmap.ISO8859_5)},
	{"127", "-G", singleByte(charmap.ISO8859_6)},
	{"126", "-F", singleByte(charmap.ISO8859_7)},
	{"138", "-H", singleByte(charmap.ISO8859_8)},
	{"148", "-M", singleByte(charmap.ISO8859_9)},
	{"203", "-b", singleByte(charmap.ISO8859_15)},
	{"166", "-T", singleByte(charmap.Windows874)}, // TIS 620
	{"13", ")I", katakana},
	{"149", "$)C", hangul},
	{"58", "$)A", hanzi},
}

// lowerSets are the sets that stand in G0, always by an escape.
var lowerSets = []term{
	{"6", "(B", ascii},
	{"14", "(J", ascii}, // JIS X 0201 romaji: its yen sign parts values, so it reads as a backslash
	{"87", "$B", kanji},
	{"87", "$@", kanji}, // the edition of 1978
	{"159", "$(D", moreKanji},
}

// number is what tells the defined terms apart: "100" of "ISO_IR 100", "ISO 2022 IR 100", and of their misspellings with
// other separators, which are common.
func number(value string) string {
	return value[strings.LastIndexAny(value, " _-")+1:]
}

// whole returns the encoding of a character set that takes the whole code table, without escapes: UTF-8 and the Chinese
// ones with characters of one, two or four bytes (PS3.3 table C.12-5).
func whole(charset []string) (encoding.Encoding, bool) {
	for _, value := range charset {
		switch {
		case number(value) == "192", value == "UTF-8":
			return utf8Encoding, true
		case value == "GB18030", value == "GBK": // the former contains the latter
			return simplifiedchinese.GB18030, true
		}
	}
	return nil, false
}

// upperSet returns the set that the first value of SpecificCharacterSet puts into G1, nil for none.
func upperSet(charset []string) *set {
	if len(charset) == 0 {
		return nil
	}
	first := number(charset[0])
	for _, t := range upperSets {
		if t.number == first {
			return t.set
		}
	}
	return nil
}

// maxCharset is the longest SpecificCharacterSet that is read; all terms there are together are shorter.
const maxCharset = 512

// charset is the data set's SpecificCharacterSet, or that of the data set around it (PS3.5 §7.5.3). It is read as the CS
// that it is: under a VR of text its own character set would be asked for.
func (d *Dataset) charset() []string {
	e, found := d.declaring().Lookup(SpecificCharacterSet)
	if !found || len(e.Value) > maxCharset {
		return nil
	}
	return trimAll(CS, strings.Split(string(e.Value), `\`))
}

// declaring is the data set whose SpecificCharacterSet is that of d, nil for none.
func (d *Dataset) declaring() *Dataset {
	for d != nil && !d.Has(SpecificCharacterSet) {
		d = d.parent
	}
	return d
}
