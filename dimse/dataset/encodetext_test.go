package dataset_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"pacsbridge/dimse/dataset"
)

func TestTextIsWrittenInItsCharacterSetOrNotAtAll(t *testing.T) {
	for _, c := range []struct {
		what, text, charset, want string // want "" is ErrCharacterSet
	}{
		{"plain text needs no character set", "ABC", "", "ABC"},
		{"plain text in any", "ABC", "ISO 2022 IR 87", "ABC"},
		{"Latin 1", "Müller", "ISO_IR 100", "M\xfcller"},
		{"Cyrillic", "Иван", "ISO_IR 144", "\xb8\xd2\xd0\xdd"},
		{"Unicode", "山田", "ISO_IR 192", "山田"},
		{"Chinese", "王", "GB18030", "\xcd\xf5"},
		{"katakana of one byte", "ﾔﾏﾀﾞ", "ISO_IR 13", "\xd4\xcf\xc0\xde"},
		{"kanji are not among them", "山田", "ISO_IR 13", ""},
		{"what the set lacks", "Иван", "ISO_IR 100", ""},
		{"what needs escapes", "山田", "ISO 2022 IR 87", ""},
		{"Korean with escapes", "김", "ISO 2022 IR 149", ""},
		{"no character set at all", "Müller", "", ""},
		{"an escape", "A\x1bB", "ISO_IR 100", ""},
	} {
		var charset []string
		if c.charset != "" {
			charset = []string{c.charset}
		}
		got, err := dataset.EncodeText(c.text, charset)
		if string(got) != c.want || (c.want == "") != errors.Is(err, dataset.ErrCharacterSet) {
			t.Errorf("%s: %q, %v, want %q", c.what, got, err, c.want)
		}
	}
}

func TestWrittenTextReadsTheSame(t *testing.T) {
	charsets := []string{"", "ISO_IR 100", "ISO_IR 101", "ISO_IR 144", "ISO_IR 126", "ISO_IR 13", "ISO_IR 166", "ISO_IR 192", "GB18030", "GBK", "ISO 2022 IR 58"}
	rapid.Check(t, func(t *rapid.T) {
		charset := []string{rapid.SampledFrom(charsets).Draw(t, "charset")}
		text := rapid.String().Draw(t, "text")
		written, err := dataset.EncodeText(text, charset)
		if err != nil {
			return
		}
		if back, guessed := dataset.DecodeText(written, charset); back != text || guessed {
			t.Fatalf("%q was written as %q and reads %q", text, written, back)
		}
	})
}
