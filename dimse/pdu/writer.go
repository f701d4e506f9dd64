package pdu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	// DefaultMaxLength is the length of the P-DATA-TF bodies we ask for, and
	// the longest we send to a peer without a limit. Beyond it nothing is won.
	DefaultMaxLength = 128 << 10
	// MinMaxLength is the smallest maximum that lets a byte pass.
	MinMaxLength = valueHeaderLength + 1

	overhead     = HeaderLength + valueHeaderLength
	commandRoom  = 4 << 10 // so that a command set and a full fragment go out in one write
	bufferLength = commandRoom + HeaderLength + DefaultMaxLength + 1

	smallBufferLength = 8 << 10
)

var (
	buffers      = pool(bufferLength)
	smallBuffers = pool(smallBufferLength) // for what is known to be small: a peer that does not read it holds it
)

func pool(length int) *sync.Pool {
	return &sync.Pool{New: func() any {
		b := make([]byte, 0, length)
		return &b
	}}
}

// buffersFor chooses a pool by the length of the data, where the reader tells it
// and the fragments that the peer takes fit.
func (w *Writer) buffersFor(command []byte, data io.Reader) *sync.Pool {
	length := 0
	if data != nil {
		sized, ok := data.(interface{ Len() int })
		if !ok {
			return buffers
		}
		length = sized.Len()
	}
	if 2*overhead+len(command)+length+1 > smallBufferLength || w.fragment < smallBufferLength {
		return buffers
	}
	return smallBuffers
}

// Writer sends messages as P-DATA-TF PDUs no longer than the peer's maximum.
// Every write to the connection holds whole PDUs, and as many of them as the
// buffer takes: a small message, command set and data set together, is one
// write.
type Writer struct {
	out      io.Writer
	fragment int
}

// NewWriter writes to out PDUs of at most maxLength bytes behind the header;
// 0 means that the peer has no limit (PS3.8 §D.1).
func NewWriter(out io.Writer, maxLength uint32) (*Writer, error) {
	if maxLength == 0 || maxLength > DefaultMaxLength {
		maxLength = DefaultMaxLength
	}
	if maxLength < MinMaxLength {
		return nil, fmt.Errorf("%w: maximum length %d lets nothing pass", ErrMalformed, maxLength)
	}
	fragment := int(maxLength) - valueHeaderLength
	if fragment > 1 {
		fragment &^= 1 // fragments have even lengths, PS3.8 annex E.2
	}
	return &Writer{out: out, fragment: fragment}, nil
}

// SourceError is a failure of the reader a data set comes from: the message
// has been cut, the association cannot go on.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return "read the data set: " + e.Err.Error() }

// Unwrap gives the reader's own error.
func (e *SourceError) Unwrap() error { return e.Err }

// Temporary is what the reader's own error says of itself.
func (e *SourceError) Temporary() bool {
	var temporary interface{ Temporary() bool }
	return errors.As(e.Err, &temporary) && temporary.Temporary()
}

// WriteMessage sends a command set and, where data is not nil, the data set
// behind it, read to its end. It returns the length of the data set.
func (w *Writer) WriteMessage(contextID byte, command []byte, data io.Reader) (int64, error) {
	pool := w.buffersFor(command, data)
	buffer := pool.Get().(*[]byte)
	defer pool.Put(buffer)
	m := message{Writer: w, contextID: contextID, buf: (*buffer)[:0]}
	if err := m.command(command); err != nil {
		return 0, err
	}
	if data == nil {
		return 0, m.flush()
	}
	n, err := m.data(data)
	if err != nil {
		return n, err
	}
	return n, m.flush()
}

// message is one message on its way out; buf holds whole PDUs not yet written.
type message struct {
	*Writer
	contextID byte
	buf       []byte
}

func (m *message) flush() error {
	_, err := m.out.Write(m.buf)
	m.buf = m.buf[:0]
	return err
}

// room makes sure that the buffer can take a PDU with a fragment of n bytes.
func (m *message) room(n int) error {
	if cap(m.buf)-len(m.buf) >= overhead+n {
		return nil
	}
	return m.flush()
}

func (m *message) command(command []byte) error {
	for {
		n := min(len(command), m.fragment)
		if err := m.room(n); err != nil {
			return err
		}
		copy(m.buf[len(m.buf)+overhead:cap(m.buf)], command[:n])
		command = command[n:]
		m.seal(n, true, len(command) == 0)
		if len(command) == 0 {
			return nil
		}
	}
}

// data reads one byte ahead of every fragment, so as to know which is the
// last.
func (m *message) data(r io.Reader) (total int64, err error) {
	var ahead [1]byte
	have := 0 // bytes of ahead
	for {
		fragment := m.fragment
		if cap(m.buf) == smallBufferLength { // all there is fits
			fragment = min(fragment, cap(m.buf)-len(m.buf)-overhead-1)
		}
		if err := m.room(fragment + 1); err != nil {
			return total, err
		}
		start := len(m.buf) + overhead
		window := m.buf[start : start+fragment+1]
		copy(window, ahead[:have])
		n, err := readFull(r, window[have:])
		if err != nil {
			return total, &SourceError{Err: err}
		}
		n += have
		if n <= fragment {
			m.seal(n, false, true)
			return total + int64(n), nil
		}
		ahead[0], have = window[fragment], 1
		m.seal(fragment, false, false)
		total += int64(fragment)
	}
}

// seal puts the headers before the n bytes that stand behind their room.
func (m *message) seal(n int, command, last bool) {
	header := m.buf[len(m.buf) : len(m.buf)+overhead]
	header[0], header[1] = byte(TypeData), 0
	binary.BigEndian.PutUint32(header[2:], uint32(valueHeaderLength+n))
	binary.BigEndian.PutUint32(header[6:], uint32(2+n))
	header[10], header[11] = m.contextID, control(command, last)
	m.buf = m.buf[:len(m.buf)+overhead+n]
}

// readFull fills p or stops at the end of r, which is no error. Any other error
// is, io.ErrUnexpectedEOF of a source that was cut above all: io.ReadFull could
// not tell the two apart.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for idle := 0; n < len(p) && err == nil; {
		var m int
		m, err = r.Read(p[n:])
		n += m
		if idle++; m > 0 {
			idle = 0
		} else if err == nil && idle == 100 {
			err = io.ErrNoProgress
		}
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}
