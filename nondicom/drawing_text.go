package nondicom

import (
	"fmt"
	"strings"
	"sync"
	letters "unicode"
	"unicode/utf8"

	"github.com/suyashkumar/dicom/pkg/vrraw"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

// The size of a drawn page, in characters of the font, which are all of one width:
// what the text set in columns stays in columns.
const (
	pageColumns = 84
	pageLines   = 62
	tabStop     = 8
)

// UndrawableError says that a text holds characters that the font does not have. It
// would be drawn with holes, and so is not drawn at all.
type UndrawableError struct{ Character rune }

// Error names the first of the characters.
func (e *UndrawableError) Error() string {
	return fmt.Sprintf("no document is drawn of the text: the font has no character %U", e.Character)
}

// Temporary is false: the text will not do later.
func (e *UndrawableError) Temporary() bool { return false }

// sheets is a text laid out: its pages, of lines that fit.
type sheets [][]string

// layOut breaks a text into lines and pages. A form feed begins a page; a line that
// is too long goes on in the next one, behind a blank where there is one. Nothing is
// lost but blanks at the ends of lines, and nothing is drawn that the font lacks.
func layOut(text string) (sheets, error) {
	text = plainSigns(norm.NFC.String(cleanText(text, vrraw.UnlimitedText)))
	var all sheets
	for page := range strings.SplitSeq(strings.TrimSuffix(text, "\f"), "\f") {
		var lines []string
		for line := range strings.SplitSeq(strings.TrimRight(page, "\n"), "\n") {
			line = withoutTabs(line)
			if err := drawable(line); err != nil {
				return nil, err
			}
			lines = append(lines, wrap(line)...)
		}
		for len(lines) > pageLines {
			all, lines = append(all, lines[:pageLines]), lines[pageLines:]
		}
		all = append(all, lines)
	}
	return all, nil
}

// lineEnds are the ways in which texts end a line.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// plainSigns writes the signs that look like others, or like nothing, as those: blanks
// of all widths, hyphens that do not break, and marks of where a line may.
func plainSigns(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case letters.Is(letters.Zs, r):
			return ' '
		case r == '\u2010' || r == '\u2011':
			return '-'
		case r == '\u00AD' || r == '\u200B' || r == '\u2060' || r == '\uFEFF':
			return -1
		}
		return r
	}, lineEnds.Replace(text))
}

// withoutTabs puts blanks for tabs, up to the next column that is a multiple of 8.
func withoutTabs(line string) string {
	var b strings.Builder
	column := 0
	for _, r := range line {
		if r != '\t' {
			b.WriteRune(r)
			column++
			continue
		}
		blanks := tabStop - column%tabStop
		b.WriteString(strings.Repeat(" ", blanks))
		column += blanks
	}
	return b.String()
}

// wrap breaks a line where it is too long for a page.
func wrap(line string) []string {
	var lines []string
	for utf8.RuneCountInString(line) > pageColumns {
		end, column := 0, 0 // of what fits, in bytes and characters
		for i := range line {
			if column == pageColumns {
				end = i
				break
			}
			column++
		}
		if blank := strings.LastIndexByte(line[:end], ' '); blank >= 0 && strings.TrimSpace(line[:blank]) != "" && line[end] != ' ' {
			end = blank + 1
		}
		lines, line = append(lines, strings.TrimRight(line[:end], " ")), strings.TrimPrefix(line[end:], " ")
	}
	return append(lines, strings.TrimRight(line, " "))
}

// drawable looks whether the font has all characters of a text. A mark that stands on
// no letter would be drawn beside it.
func drawable(text string) error {
	for _, r := range text {
		if r > 0xFFFF || !hasGlyph(r) || letters.Is(letters.M, r) {
			return &UndrawableError{r}
		}
	}
	return nil
}

// drawingFont is what texts are drawn in.
var drawingFont = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(gomono.TTF) })

// hasGlyph reports whether the font has a character.
func hasGlyph(r rune) bool {
	font, err := drawingFont()
	if err != nil {
		return false
	}
	index, err := font.GlyphIndex(nil, r)
	return err == nil && index != 0
}
