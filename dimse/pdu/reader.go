package pdu

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader reads PDUs from a connection one after another. Control PDUs are
// decoded as a whole; a P-DATA-TF is passed through value by value, and a
// value's fragment is read like any io.Reader, so that nothing but the buffer
// is held:
//
//	for {
//		t, err := r.Next()            // the next PDU's header
//		if t != pdu.TypeData {
//			p, err := r.Control()     // its body, decoded
//			continue
//		}
//		for {
//			v, ok, err := r.NextValue()
//			if !ok { break }          // end of this P-DATA-TF
//			io.Copy(w, r)             // this value's fragment
//		}
//	}
//
// What a caller leaves unread, the next call skips. Errors that wrap
// ErrMalformed are the fault of the bytes; others come from the connection.
type Reader struct {
	in        *bufio.Reader
	t         Type
	left      uint32 // bytes of the PDU behind the current value
	valueLeft uint32 // bytes of the current value's fragment
}

// ValueHeader is what stands before a fragment.
type ValueHeader struct {
	ContextID byte
	Command   bool
	Last      bool
	Length    uint32 // of the fragment
}

// NewReader reads PDUs from in, whose buffer must hold 16 bytes at least.
func NewReader(in *bufio.Reader) *Reader { return &Reader{in: in} }

// Reset makes the Reader read from in, between two PDUs.
func (r *Reader) Reset(in *bufio.Reader) { *r = Reader{in: in} }

// Idle says that nothing of a PDU has been read that is not used up.
func (r *Reader) Idle() bool { return r.left == 0 && r.valueLeft == 0 && r.in.Buffered() == 0 }

// Next skips what is left of the PDU before and reads the next one's header.
// io.EOF means that the connection ended between two PDUs.
func (r *Reader) Next() (Type, error) {
	if err := r.skip(); err != nil {
		return 0, err
	}
	header, err := r.in.Peek(HeaderLength)
	if err != nil {
		return 0, eofInside(err, len(header) > 0)
	}
	r.t, r.left = Type(header[0]), binary.BigEndian.Uint32(header[2:])
	_, err = r.in.Discard(HeaderLength)
	return r.t, err
}

// Control decodes the body of a PDU that is not a P-DATA-TF.
func (r *Reader) Control() (PDU, error) {
	length := r.left
	r.left = 0
	return readBody(r.in, r.t, length)
}

// NextValue goes to the next value of a P-DATA-TF; ok is false behind the last
// one.
func (r *Reader) NextValue() (v ValueHeader, ok bool, err error) {
	if err := r.skipValue(); err != nil || r.left == 0 {
		return ValueHeader{}, false, err
	}
	if r.left < valueHeaderLength {
		return ValueHeader{}, false, fmt.Errorf("%w: %d bytes behind the last value of a P-DATA-TF", ErrMalformed, r.left)
	}
	header, err := r.in.Peek(valueHeaderLength)
	if err != nil {
		return ValueHeader{}, false, eofInside(err, true)
	}
	length := binary.BigEndian.Uint32(header)
	if length < 2 || length > r.left-4 {
		return ValueHeader{}, false, fmt.Errorf("%w: a value of %d bytes in a P-DATA-TF with %d left", ErrMalformed, length, r.left-4)
	}
	v = ValueHeader{
		ContextID: header[4],
		Command:   header[5]&controlCommand != 0,
		Last:      header[5]&controlLast != 0,
		Length:    length - 2,
	}
	r.left -= 4 + length
	r.valueLeft = length - 2
	_, err = r.in.Discard(valueHeaderLength)
	return v, true, err
}

// Read reads from the fragment of the current value; io.EOF is its end.
func (r *Reader) Read(p []byte) (int, error) {
	if r.valueLeft == 0 {
		return 0, io.EOF
	}
	if uint64(len(p)) > uint64(r.valueLeft) {
		p = p[:r.valueLeft]
	}
	n, err := r.in.Read(p)
	r.valueLeft -= uint32(n)
	if n > 0 {
		err = nil // what is wrong will show again
	}
	return n, eofInside(err, true)
}

// WriteTo writes what is left of the fragment to w without a copy in between.
func (r *Reader) WriteTo(w io.Writer) (written int64, err error) {
	for r.valueLeft > 0 {
		if _, err := r.in.Peek(1); err != nil {
			return written, eofInside(err, true)
		}
		b, _ := r.in.Peek(int(min(uint32(r.in.Buffered()), r.valueLeft)))
		n, err := w.Write(b)
		written += int64(n)
		r.valueLeft -= uint32(n)
		if _, discardErr := r.in.Discard(n); err == nil {
			err = discardErr
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (r *Reader) skip() error {
	if err := r.skipValue(); err != nil {
		return err
	}
	n, err := discard(r.in, r.left)
	r.left -= n
	return err
}

func (r *Reader) skipValue() error {
	n, err := discard(r.in, r.valueLeft)
	r.valueLeft -= n
	return err
}

func discard(in *bufio.Reader, n uint32) (uint32, error) {
	if n == 0 {
		return 0, nil
	}
	done, err := io.CopyN(io.Discard, in, int64(n))
	return uint32(done), eofInside(err, true)
}

// Read reads one whole PDU, a P-DATA-TF too: for scripted conversations.
func Read(in io.Reader) (PDU, error) {
	t, length, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	return readBody(in, t, length)
}

// ReadControl reads the PDU that opens an association or answers to that. A
// P-DATA-TF has no place there: it is returned empty, its body unread.
func ReadControl(in io.Reader) (PDU, error) {
	t, length, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	if t == TypeData {
		return new(Data), nil
	}
	return readBody(in, t, length)
}

func readHeader(in io.Reader) (t Type, length uint32, err error) {
	var header [HeaderLength]byte
	if n, err := io.ReadFull(in, header[:]); err != nil {
		return 0, 0, eofInside(err, n > 0)
	}
	return Type(header[0]), binary.BigEndian.Uint32(header[2:]), nil
}

// readBody decodes a body as it arrives. Memory is asked for as the bytes come,
// never on the word of a length.
func readBody(in io.Reader, t Type, length uint32) (PDU, error) {
	p, err := newPDU(t)
	if err != nil {
		return nil, err
	}
	if length > MaxControlLength {
		return nil, fmt.Errorf("%w: %s of %d bytes", ErrMalformed, t, length)
	}
	d := decoder{in: in, left: length}
	p.decode(&d)
	if rest := d.left; d.err == nil && rest > 0 { // of a PDU without items: to be ignored, PS3.8 §9.3.1
		_, err := io.CopyN(io.Discard, in, int64(rest))
		return p, eofInside(err, true)
	}
	var lost *streamError
	if errors.As(d.err, &lost) {
		return nil, lost.error
	}
	if err := d.failure(t); err != nil {
		return nil, err
	}
	return p, nil
}

// eofInside turns an end of the stream inside a PDU into what it is.
func eofInside(err error, inside bool) error {
	if inside && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
