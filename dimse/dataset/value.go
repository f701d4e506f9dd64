package dataset

import (
	"fmt"
	"io"
)

// AppendValue appends the rest of the current value to dst, as its bytes stand. dst grows only with what has arrived,
// whatever the length field says; who limits the length does so by the token.
func (s *Scanner) AppendValue(dst []byte) ([]byte, error) {
	for s.value > 0 {
		chunk, err := s.chunk()
		if err != nil {
			return dst, err
		}
		dst = append(dst, chunk...)
	}
	return dst, nil
}

// WriteValue writes the rest of the current value to w, as its bytes stand.
func (s *Scanner) WriteValue(w io.Writer) (written int64, err error) {
	for s.value > 0 {
		chunk, err := s.chunk()
		if err != nil {
			return written, err
		}
		n, err := w.Write(chunk)
		written += int64(n)
		if err != nil {
			return written, fmt.Errorf("write value of %s: %w", s.token.Tag, err)
		}
	}
	return written, nil
}

// view returns the whole value without a copy; only for a scanner over bytes in memory.
func (s *Scanner) view() []byte {
	v := s.src.next(s.value)
	s.value -= int64(len(v))
	return v[:len(v):len(v)]
}

// chunk consumes some of the current value, at least a byte.
func (s *Scanner) chunk() ([]byte, error) {
	chunk := s.src.next(s.value)
	s.value -= int64(len(chunk))
	if len(chunk) == 0 {
		s.err = s.cutValue()
		return nil, s.err
	}
	return chunk, nil
}

// skip passes over the rest of the current value.
func (s *Scanner) skip() error {
	if at := int64(s.src.lo) + s.value; at <= int64(s.src.hi) {
		s.src.lo, s.value = int(at), 0
		return nil
	}
	s.value -= s.src.discard(s.value)
	if s.value > 0 {
		return s.cutValue()
	}
	return nil
}

// cutValue tells that the data ended inside the current value.
func (s *Scanner) cutValue() error {
	if err := s.src.failure(); err != nil {
		return fmt.Errorf("read data set: %w", err)
	}
	err := s.malformed("the data ends inside its value")
	err.Cut = true
	return err
}
