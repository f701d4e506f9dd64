package dataset

import "io"

// bufferSize is the window of a source over a stream: enough for a header of an image, small beside 64 KiB.
const bufferSize = 16 << 10

// source feeds a Scanner: a window over a stream, or the whole of a slice. Its first error sticks.
type source struct {
	r    io.Reader // nil over a slice
	buf  []byte
	lo   int   // buf[lo:hi] is read and not yet consumed
	hi   int   //
	base int64 // offset of buf[0] in the data set
	err  error // of the reader, io.EOF included
}

// offset is the place of the next byte in the data set.
func (s *source) offset() int64 { return s.base + int64(s.lo) }

// peek returns the next n bytes without consuming them, or fewer when there are no more. n must fit the window.
func (s *source) peek(n int) []byte {
	if s.hi-s.lo < n {
		return s.await(n)
	}
	return s.buf[s.lo : s.lo+n]
}

// await reads until n bytes are there, or no more come.
func (s *source) await(n int) []byte {
	for s.hi-s.lo < n && s.err == nil {
		s.fill()
	}
	return s.buf[s.lo:min(s.lo+n, s.hi)]
}

// maxEmptyReads is how often in a row a reader may return nothing before it counts as broken.
const maxEmptyReads = 100

// fill reads once, after it made room behind the bytes that wait.
func (s *source) fill() {
	if s.r == nil {
		s.err = io.EOF
		return
	}
	if s.lo > 0 {
		s.base += int64(s.lo)
		s.hi = copy(s.buf, s.buf[s.lo:s.hi])
		s.lo = 0
	}
	for range maxEmptyReads {
		n, err := s.r.Read(s.buf[s.hi:])
		s.hi += n
		s.err = err
		if n > 0 || err != nil {
			return
		}
	}
	s.err = io.ErrNoProgress
}

// next consumes up to n of the bytes at hand and returns them; none only at the end. They hold until the next call.
func (s *source) next(n int64) []byte {
	if s.lo == s.hi && n > 0 {
		s.peek(1)
	}
	chunk := s.buf[s.lo:min(int64(s.lo)+n, int64(s.hi))]
	s.lo += len(chunk)
	return chunk
}

// discard consumes n bytes unseen and returns how many there were.
func (s *source) discard(n int64) int64 {
	for left := n; ; {
		chunk := int64(len(s.next(left)))
		left -= chunk
		if left == 0 || chunk == 0 {
			return n - left
		}
	}
}

// ended reports whether there is no further byte; a failure of the reader counts as an end, err tells it.
func (s *source) ended() bool { return len(s.peek(1)) == 0 }

// failure is the reader's error unless that is the plain end of the data.
func (s *source) failure() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}
