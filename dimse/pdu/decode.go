package pdu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

var errShort = errors.New("a length goes beyond the end")

// decoder reads from a slice, or item by item from a stream. The first failure
// sticks; after it every read gives zeros, so that callers check once, at the
// end.
//
// What it returns belongs to the input and is good until the next call: whoever
// keeps it copies it. So a body costs a buffer of its longest item beside what
// is kept.
type decoder struct {
	rest []byte
	err  error
	in   io.Reader // with it rest stays empty, and left counts
	left uint32    // bytes not yet read from in
	buf  []byte    // for what comes from in
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
	d.rest, d.left = nil, 0
}

// more says whether there is something left to read.
func (d *decoder) more() bool { return d.err == nil && (len(d.rest) > 0 || d.left > 0) }

// bytes returns the next n bytes.
func (d *decoder) bytes(n int) []byte {
	if d.err != nil {
		return nil
	}
	if d.in != nil {
		return d.stream(n)
	}
	if n > len(d.rest) {
		d.fail("%w: %d bytes asked for, %d left", errShort, n, len(d.rest))
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// trusted is how many bytes a length may ask for before any have come.
const trusted = 8 << 10

// stream reads the next n bytes. A long item gets its whole room only when the
// beginning of it has arrived.
func (d *decoder) stream(n int) []byte {
	if uint64(n) > uint64(d.left) {
		d.fail("%w: %d bytes asked for, %d left", errShort, n, d.left)
		return nil
	}
	d.left -= uint32(n)
	if n > len(d.buf) && len(d.buf) < trusted {
		d.buf = make([]byte, max(min(n, trusted), 128))
	}
	have := 0
	for n > len(d.buf) {
		if !d.fill(d.buf[have:]) {
			return nil
		}
		have = len(d.buf)
		d.buf = append(make([]byte, 0, min(n, max(2*have, math.MaxUint16))), d.buf...)
		d.buf = d.buf[:cap(d.buf)]
	}
	if !d.fill(d.buf[have:n]) {
		return nil
	}
	return d.buf[:n:n]
}

// fill fills b from the stream; what goes wrong there is no fault of the bytes.
func (d *decoder) fill(b []byte) bool {
	if _, err := io.ReadFull(d.in, b); err != nil {
		d.err, d.left = &streamError{eofInside(err, true)}, 0
		return false
	}
	return true
}

// streamError is a failure of the connection while a body was being decoded.
type streamError struct{ error }

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
	var t byte
	var n int
	if header := d.bytes(4); header != nil {
		t, n = header[0], int(binary.BigEndian.Uint16(header[2:]))
	}
	content := d.bytes(n)
	return t, decoder{rest: content, err: d.err}
}

// counts are numbers of items by their type.
type counts [256]uint16

// count looks ahead: how many items of each type are left.
func (d *decoder) count() (n counts) {
	for look := *d; look.more(); {
		t, _ := look.item()
		n[t]++
	}
	return n
}

// adopt takes over the failure of who decoded an item's content.
func (d *decoder) adopt(content decoder, name string) {
	if content.err != nil {
		d.fail("%s: %w", name, content.err)
	}
}

// trimUID takes the padding off that some peers send though PS3.8 §9.3.1 (and
// annex F) wants none.
func trimUID(b []byte) string { return strings.TrimRight(string(b), uidPadding) }

const uidPadding = "\x00 "

// trimTitle takes the spaces off an AE title; leading ones do not count either
// (PS3.5 §6.2).
func trimTitle(b []byte) string { return strings.Trim(string(b), " \x00") }

func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}
