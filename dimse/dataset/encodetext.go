package dataset

import (
	"errors"
	"fmt"

	"golang.org/x/text/encoding"
)

// ErrCharacterSet is returned for text that a character set has no characters for, or that cannot be written in it
// without changing to another set by escapes.
var ErrCharacterSet = errors.New("not to be written in the character set of the data set")

// EncodeText writes UTF-8 text in the character set that the values of SpecificCharacterSet name (PS3.5 §6.1.2). It
// writes no escapes: text that needs them, or a character that the set lacks, is ErrCharacterSet, and nothing is replaced.
// What it returns is read back by DecodeText as the same text.
func EncodeText(text string, charset []string) ([]byte, error) {
	if isPlain([]byte(text)) {
		return []byte(text), nil
	}
	e, found := whole(charset)
	if upper := upperSet(charset); !found && upper != nil && upper.width == 1 {
		e, found = upper.encoding, true
	}
	if !found {
		return nil, fmt.Errorf("text: %w (%q)", ErrCharacterSet, charset)
	}
	return encodeWith(e, text, charset)
}

// encodeWith believes what it wrote only when it reads the same: some encodings are wider than the set that they stand for.
func encodeWith(e encoding.Encoding, text string, charset []string) ([]byte, error) {
	b, err := e.NewEncoder().Bytes([]byte(text))
	if err == nil {
		if back, guessed := DecodeText(b, charset); back == text && !guessed {
			return b, nil
		}
	}
	return nil, fmt.Errorf("text: %w (%q)", ErrCharacterSet, charset)
}
