package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"pacsbridge/dimse/uid"
)

// AppendTo appends the data set, encoded in transfer syntax ts, to dst. Sequences with items and the items in them are
// written with delimiters, empty ones with length zero, as DCMTK writes them.
func (d *Dataset) AppendTo(dst []byte, ts string) ([]byte, error) {
	syntax, known := uid.SyntaxOf(ts)
	if !known {
		return dst, fmt.Errorf("encode data set: unknown transfer syntax %q", ts)
	}
	if !syntax.Deflated {
		return encoder{syntax: syntax}.dataset(dst, d, 0)
	}
	plain, err := encoder{syntax: syntax}.dataset(nil, d, 0)
	if err != nil {
		return dst, err
	}
	return appendDeflated(dst, plain)
}

// encoder writes data sets in one syntax.
type encoder struct {
	syntax uid.Syntax
}

// dataset appends the elements of d, which stands in depth sequences.
func (e encoder) dataset(dst []byte, d *Dataset, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return dst, fmt.Errorf("encode data set: sequences nested deeper than %d", MaxDepth)
	}
	var err error
	for i := range d.Elements {
		if dst, err = e.element(dst, &d.Elements[i], depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (e encoder) element(dst []byte, element *Element, depth int) ([]byte, error) {
	if element.sequence() {
		return e.sequence(dst, element, depth)
	}
	if e.syntax.Explicit && len(element.VR) != 2 {
		return dst, fmt.Errorf("encode element %s: its VR %q is none", element.Tag, element.VR)
	}
	dst, err := e.header(dst, element.Tag, element.VR, uint64(len(element.Value)))
	start := len(dst)
	dst = append(dst, element.Value...)
	if unit := element.VR.unit(); e.syntax.BigEndian && unit > 1 {
		swapInPlace(unit, dst[start:])
	}
	return dst, err
}

// sequence appends a sequence with its items. One of VR UN holds implicit VR little endian (PS3.5 §6.2.2 note 2).
func (e encoder) sequence(dst []byte, element *Element, depth int) ([]byte, error) {
	if len(element.Items) == 0 && e.tellsSequence(element) {
		return e.header(dst, element.Tag, element.VR, 0)
	}
	dst, err := e.header(dst, element.Tag, element.VR, UndefinedLength)
	inner := e
	if element.VR == UN {
		inner = encoder{}
	}
	for _, item := range element.Items {
		if err != nil {
			return dst, err
		}
		dst = inner.bare(dst, itemTag, UndefinedLength)
		dst, err = inner.dataset(dst, item, depth+1)
		dst = inner.bare(dst, itemDelimiter, 0)
	}
	return inner.bare(dst, sequenceDelimiter, 0), err
}

// tellsSequence reports whether a reader will know the element for a sequence though its length is zero.
func (e encoder) tellsSequence(element *Element) bool {
	return element.VR == SQ && (e.syntax.Explicit || DictionaryVR(element.Tag) == SQ)
}

// header appends tag, VR and length (PS3.5 §7.1.2 and §7.1.3).
func (e encoder) header(dst []byte, tag Tag, vr VR, length uint64) ([]byte, error) {
	switch {
	case length > UndefinedLength:
		return dst, fmt.Errorf("encode element %s: %w", tag, ErrTooLarge)
	case !e.syntax.Explicit:
		return e.bare(dst, tag, uint32(length)), nil
	}
	dst = append(e.tag(dst, tag), vr...)
	if vr.longForm() {
		return e.uint32(append(dst, 0, 0), uint32(length)), nil
	}
	if length > math.MaxUint16 {
		return dst, fmt.Errorf("encode element %s: VR %s holds at most %d bytes: %w", tag, vr, math.MaxUint16, ErrTooLarge)
	}
	return e.uint16(dst, uint16(length)), nil
}

// bare appends a header without VR, as items and implicit VR have it.
func (e encoder) bare(dst []byte, tag Tag, length uint32) []byte {
	return e.uint32(e.tag(dst, tag), length)
}

func (e encoder) tag(dst []byte, tag Tag) []byte {
	return e.uint16(e.uint16(dst, tag.Group()), tag.Element())
}

func (e encoder) uint16(dst []byte, v uint16) []byte {
	if e.syntax.BigEndian {
		return binary.BigEndian.AppendUint16(dst, v)
	}
	return binary.LittleEndian.AppendUint16(dst, v)
}

func (e encoder) uint32(dst []byte, v uint32) []byte {
	if e.syntax.BigEndian {
		return binary.BigEndian.AppendUint32(dst, v)
	}
	return binary.LittleEndian.AppendUint32(dst, v)
}

// appendDeflated appends plain, deflated and padded to an even length (PS3.5 §A.5).
func appendDeflated(dst, plain []byte) ([]byte, error) {
	var deflated bytes.Buffer
	out := newOutput(&deflated, uid.Syntax{Deflated: true})
	_, err := out.Write(plain)
	if err == nil {
		err = out.Close()
	}
	return append(dst, deflated.Bytes()...), err
}
