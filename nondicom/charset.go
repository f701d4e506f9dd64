package nondicom

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// charset is the character set that an old database's text is really in. Many
// keep GBK, or UTF-8, in columns that they believe to be Latin-1: what the
// server makes of that on its way to us is undone. Nil changes nothing.
type charset struct {
	from encoding.Encoding
	// latin tells that it is Latin-1 itself, so that nothing is to undo.
	latin bool
}

// newCharset finds a character set by the names that web pages use (WHATWG
// Encoding); nil for the empty name.
func newCharset(name string) (*charset, error) {
	if name == "" {
		return nil, nil
	}
	from, err := htmlindex.Get(name)
	if err != nil {
		return nil, fmt.Errorf("legacy.charset: %q is not a known character set (for example gbk, gb18030, big5, shift_jis, euc-kr, latin1, utf-8)", name)
	}
	return &charset{from: from, latin: from == charmap.Windows1252}, nil
}

// decode reads a value in the character set: bytes that are no UTF-8 as they
// are, and text that came out of Latin-1 after that was undone. What cannot be
// text in this character set is left as it is: its column was declared rightly.
func (c *charset) decode(text string) string {
	if c == nil || isASCII(text) {
		return text
	}
	raw := text
	if utf8.ValidString(text) {
		var ok bool
		if raw, ok = undoLatin1(text); !ok || c.latin {
			return text
		}
	}
	decoded, err := c.from.NewDecoder().String(raw)
	if err != nil || strings.ContainsRune(decoded, utf8.RuneError) {
		return text
	}
	return decoded
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// undoLatin1 gives the bytes that a server read as Latin-1 when it made this
// text; false when it holds characters that Latin-1 does not have. Databases
// say Latin-1 for Windows-1252, and keep the bytes it has no character for.
func undoLatin1(text string) (string, bool) {
	raw := make([]byte, 0, len(text))
	for _, r := range text {
		if r <= 0xFF {
			raw = append(raw, byte(r))
			continue
		}
		b, ok := charmap.Windows1252.EncodeRune(r)
		if !ok {
			return "", false
		}
		raw = append(raw, b)
	}
	return string(raw), true
}
