package nondicom

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/vrraw"
)

// attributes are the elements of a data set being made. The first mistake
// sticks and shows when they are encoded.
type attributes struct {
	elements []*dicom.Element
	err      error
}

// text adds an attribute of text, empty when value is (PS3.5 §7.4.3, type 2).
// Several values are joined by backslashes in it.
func (a *attributes) text(t tag.Tag, value string) {
	if value == "" {
		a.add(t, []string{})
		return
	}
	a.add(t, []string{cleanText(value, a.kind(t))})
}

// known adds an attribute of text unless it is empty (type 3).
func (a *attributes) known(t tag.Tag, value string) {
	if value != "" {
		a.text(t, value)
	}
}

// otherwise adds an attribute that is not there yet: of text, or a sequence
// without items where the text is empty.
func (a *attributes) otherwise(t tag.Tag, value string) {
	if slices.ContainsFunc(a.elements, func(e *dicom.Element) bool { return e.Tag == t }) {
		return
	}
	if a.kind(t) == "SQ" {
		a.sequence(t)
		return
	}
	a.text(t, value)
}

// pointer adds the tag of another attribute (VR AT).
func (a *attributes) pointer(t, to tag.Tag) { a.add(t, []int{int(to.Group), int(to.Element)}) }

// number adds a binary number.
func (a *attributes) number(t tag.Tag, value int) { a.add(t, []int{value}) }

// sequence adds a sequence of items, none when there are none.
func (a *attributes) sequence(t tag.Tag, items ...attributes) {
	list := make([][]*dicom.Element, 0, len(items))
	for _, item := range items {
		a.err = cmp.Or(a.err, item.err)
		item.sort()
		list = append(list, item.elements)
	}
	a.add(t, list)
}

func (a *attributes) kind(t tag.Tag) string {
	info, err := tag.Find(t)
	if err != nil {
		a.err = cmp.Or(a.err, fmt.Errorf("attribute %v: %w", t, err))
		return ""
	}
	return info.VRs[0]
}

// add adds an element after looking that its length can be written: all VRs
// but a few have 16 bits for it (PS3.5 §7.1.2).
func (a *attributes) add(t tag.Tag, data any) {
	element, err := dicom.NewElement(t, data)
	if err != nil {
		a.err = cmp.Or(a.err, fmt.Errorf("attribute %v: %w", t, err))
		return
	}
	values, _ := data.([]string)
	if lengthOf(values) > maxShortValue && !isLong(element.RawValueRepresentation) {
		a.err = cmp.Or(a.err, error(&UnsupportedError{Kind: "content", Why: fmt.Sprintf("the value of %v is longer than DICOM can carry", t)}))
		return
	}
	a.elements = append(a.elements, element)
}

// maxShortValue is the longest even value whose length has 16 bits.
const maxShortValue = 0xFFFE

// lengthOf is the length of values with the backslashes between them (PS3.5 §6.4).
func lengthOf(values []string) int {
	length := max(len(values)-1, 0)
	for _, value := range values {
		length += len(value)
	}
	return length
}

func isLong(vr string) bool {
	return vr == vrraw.UnlimitedText || vr == vrraw.UnlimitedCharacters || vr == vrraw.UniversalResourceIdentifier
}

func (a *attributes) sort() {
	slices.SortStableFunc(a.elements, func(x, y *dicom.Element) int {
		return cmp.Or(cmp.Compare(x.Tag.Group, y.Tag.Group), cmp.Compare(x.Tag.Element, y.Tag.Element))
	})
}

// encode writes the elements below and from the tag at, explicit VR little
// endian (PS3.5 §A.2), in the order of their tags.
func (a *attributes) encode(at tag.Tag) (below, from []byte, err error) {
	if a.err != nil {
		return nil, nil, a.err
	}
	a.sort()
	var head, tail bytes.Buffer
	for _, element := range a.elements {
		out := &head
		if element.Tag.Compare(at) >= 0 {
			out = &tail
		}
		w, err := dicom.NewWriter(out)
		if err != nil {
			return nil, nil, err
		}
		w.SetTransferSyntax(binary.LittleEndian, false)
		if err := w.WriteElement(element); err != nil {
			return nil, nil, fmt.Errorf("attribute %v: %w", element.Tag, err)
		}
	}
	return head.Bytes(), tail.Bytes(), nil
}

// cleanText makes text legal in its VR (PS3.5 §6.2): valid UTF-8 without
// control characters. In long texts, which may have lines, they are shown by
// their pictures (U+2400 …), in the others by a space.
func cleanText(text, vr string) string {
	lines := vr == vrraw.ShortText || vr == vrraw.LongText || vr == vrraw.UnlimitedText
	text = strings.Map(func(r rune) rune {
		switch {
		case lines && (r == '\t' || r == '\n' || r == '\f' || r == '\r'):
			return r
		case r == 0x7F && lines:
			return '\u2421'
		case r < 0x20 && lines:
			return '\u2400' + r
		case r < 0x20 || r == 0x7F:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimRight(text, " ")
}

// cutText cuts text to what its VR holds, for texts that stand in full
// elsewhere; never for what identifies somebody or something.
func cutText(text string, characters int) string {
	if runes := []rune(text); len(runes) > characters {
		return strings.TrimRight(string(runes[:characters]), " ")
	}
	return text
}

// The lengths of texts that are cut, in characters (PS3.5 §6.2).
const (
	longString = 64    // LO
	shortText  = 1024  // ST
	longText   = 10240 // LT
)
