package pdu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

var errShort = errors.New("a length goes beyond the end")

// decoder reads from a slice. The first failure sticks; after it every read
// gives zeros, so that callers check once, at the end.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
	d.rest = nil
}

// more says whether there is something left to read.
func (d *decoder) more() bool { return d.err == nil && len(d.rest) > 0 }

// bytes returns the next n bytes, still belonging to the input.
func (d *decoder) bytes(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n > len(d.rest) {
		d.fail("%w: %d bytes asked for, %d left", errShort, n, len(d.rest))
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint16() uint16 {
	if b := d.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if b := d.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// uid16 reads a UID behind a two byte length.
func (d *decoder) uid16() string { return trimUID(d.bytes(int(d.uint16()))) }

// bytes16 copies bytes behind a two byte length.
func (d *decoder) bytes16() []byte { return clone(d.bytes(int(d.uint16()))) }

// item reads the header of an item and returns a decoder of its content
// (PS3.8 §9.3.2: type, reserved, two byte length).
func (d *decoder) item() (byte, decoder) {
	t := d.byte()
	d.byte()
	return t, decoder{rest: d.bytes(int(d.uint16())), err: d.err}
}

// within runs decode on an item's content and takes over its failure.
func (d *decoder) within(content decoder, name string, decode func(*decoder)) {
	decode(&content)
	if content.err != nil {
		d.fail("%s: %w", name, content.err)
	}
}

// trimUID takes the padding off that some peers send though PS3.8 §9.3.1 (and
// annex F) wants none.
func trimUID(b []byte) string { return strings.TrimRight(string(b), "\x00 ") }

// trimTitle takes the spaces off an AE title; leading ones do not count either
// (PS3.5 §6.2).
func trimTitle(b []byte) string { return strings.Trim(string(b), " \x00") }

func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}
