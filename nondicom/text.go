package nondicom

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/suyashkumar/dicom/pkg/tag"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	utf16 "golang.org/x/text/encoding/unicode"

	"pacsbridge/dimse/uid"
)

// maxText bounds the texts that become reports; longer ones are no letters.
const maxText = 8 << 20

var (
	titleOfText  = code{"TEXT", privateScheme, "Text document of the old system"}
	partText     = code{"TEXT_CONTENT", privateScheme, "Text"}
	titleField   = code{"TITLE", privateScheme, "Title in the old system"}
	charsetField = code{"CHARSET", privateScheme, "Character set, as it was guessed"}
)

// reportOfText makes a Basic Text SR of a plain text (PS3.3 §A.35.1). A text
// that is not in Unicode is read as the character set that gives its bytes
// back, which the report then names.
func reportOfText(id Identity, a Attachment, s source) (*Object, error) {
	text, charset, err := readText(s)
	if err != nil {
		return nil, err
	}
	items := []attributes{textItem(titleField, titleOf(a))}
	if charset != "" {
		items = append(items, textItem(charsetField, charset))
	}
	return document(uid.BasicTextSR, textSeries, id, a.origin(), s.digest, a.CreatedAt, titleOfText, append(items, textItem(partText, text)))
}

// readText reads a plain text, and names its character set where that was guessed.
func readText(s source) (text, charset string, err error) {
	const kind = "text/plain"
	if err := s.check(kind); err != nil {
		return "", "", err
	}
	if s.size > maxText {
		return "", "", &UnsupportedError{Kind: kind, Why: fmt.Sprintf("it is longer than %d MiB; it can only be archived", maxText>>20)}
	}
	raw, err := io.ReadAll(&exactReader{from: s.content, left: s.size})
	if err != nil {
		return "", "", fmt.Errorf("read text: %w", err)
	}
	return unicodeOf(raw)
}

// guess is a character set that a text may be in.
type guess struct {
	name string
	set  encoding.Encoding
}

// guessesFor are the character sets to try, in that order: the last one reads
// everything. Chinese has nearly all of its high bytes in pairs.
func guessesFor(raw []byte) []guess {
	chinese := guess{"GB18030", simplifiedchinese.GB18030}
	western := []guess{{"windows-1252", charmap.Windows1252}, {"ISO-8859-1", charmap.ISO8859_1}}
	pairs, single := 0, 0
	for i := 0; i < len(raw); i++ {
		switch {
		case raw[i] < 0x80:
		case raw[i] > 0xA0 && i+1 < len(raw) && raw[i+1] > 0xA0:
			pairs++
			i++
		default:
			single++
		}
	}
	if pairs > 3*single {
		return append([]guess{chinese}, western...)
	}
	return western
}

// unicodeOf reads a text, and names the character set where it had to guess.
func unicodeOf(raw []byte) (text, guessed string, err error) {
	switch {
	case bytes.HasPrefix(raw, []byte("\xEF\xBB\xBF")):
		raw = raw[3:]
	case bytes.HasPrefix(raw, []byte("\xFF\xFE")), bytes.HasPrefix(raw, []byte("\xFE\xFF")):
		decoded, err := utf16.UTF16(utf16.BigEndian, utf16.ExpectBOM).NewDecoder().Bytes(raw)
		if err == nil && bytes.IndexByte(decoded, 0) < 0 {
			return string(decoded), "", nil
		}
	}
	if utf8.Valid(raw) {
		return string(raw), "", nil
	}
	for _, guess := range guessesFor(raw) {
		decoded, err := guess.set.NewDecoder().String(string(raw))
		if err != nil || strings.ContainsRune(decoded, utf8.RuneError) {
			continue
		}
		if again, err := guess.set.NewEncoder().String(decoded); err == nil && again == string(raw) {
			return decoded, guess.name, nil
		}
	}
	return "", "", &UnsupportedError{Kind: "text/plain", Why: "its character set is unknown; it can only be archived"}
}

// document makes a structured report of one title and its items.
func document(class string, series seriesKind, id Identity, from origin, digest, createdAt string, title code, items []attributes) (*Object, error) {
	object, set := newObject(class, uid.ExplicitLE, series, id, from, digest)
	set.sequence(tag.ReferencedPerformedProcedureStepSequence)
	reportHeader(set, id, createdAt)
	set.text(tag.ValueType, "CONTAINER")
	set.sequence(tag.ConceptNameCodeSequence, title.item())
	set.text(tag.ContinuityOfContent, "SEPARATE")
	set.sequence(tag.ContentSequence, items...)
	return object.alone(set)
}
