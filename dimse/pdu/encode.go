package pdu

import (
	"encoding/binary"
	"fmt"
	"math"
)

// encoder appends to a slice; the first failure sticks.
type encoder struct {
	dst []byte
	err error
}

func (e *encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

func (e *encoder) byte(b ...byte) { e.dst = append(e.dst, b...) }

func (e *encoder) uint16(v uint16) { e.dst = binary.BigEndian.AppendUint16(e.dst, v) }

func (e *encoder) uint32(v uint32) { e.dst = binary.BigEndian.AppendUint32(e.dst, v) }

func (e *encoder) string(s string) { e.dst = append(e.dst, s...) }

// string16 writes a two byte length and the text.
func (e *encoder) string16(s string) {
	start := e.open16()
	e.string(s)
	e.close16(start, "text")
}

// title writes an AE title in its 16 bytes.
func (e *encoder) title(s string) {
	if len(s) > 16 {
		e.fail("AE title %q is longer than 16 bytes", s)
		return
	}
	e.string(s)
	for range 16 - len(s) {
		e.byte(' ')
	}
}

// open16 leaves room for a two byte length; close16 fills it in.
func (e *encoder) open16() (start int) {
	e.uint16(0)
	return len(e.dst)
}

func (e *encoder) close16(start int, name string) {
	n := len(e.dst) - start
	if n > math.MaxUint16 {
		e.fail("%s is too long: %d bytes", name, n)
		return
	}
	binary.BigEndian.PutUint16(e.dst[start-2:], uint16(n))
}

// item writes an item: type, reserved byte, two byte length, content.
func (e *encoder) item(t byte, content func()) {
	e.byte(t, 0)
	start := e.open16()
	content()
	e.close16(start, fmt.Sprintf("item %02XH", t))
}

// unknown writes back the items nobody knew.
func (e *encoder) unknown(items []Item) {
	for _, item := range items {
		e.item(item.Type, func() { e.byte(item.Data...) })
	}
}

// appendPDU writes a PDU: type, reserved byte, four byte length, body.
func appendPDU(dst []byte, t Type, body func(*encoder)) ([]byte, error) {
	e := encoder{dst: append(dst, byte(t), 0, 0, 0, 0, 0)}
	start := len(e.dst)
	body(&e)
	if e.err != nil {
		return dst, fmt.Errorf("encode %s: %w", t, e.err)
	}
	binary.BigEndian.PutUint32(e.dst[start-4:], uint32(len(e.dst)-start))
	return e.dst, nil
}
