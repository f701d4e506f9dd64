package dataset

import (
	"io"

	"pacsbridge/dimse/uid"
)

// Check walks over the whole data set in r, in transfer syntax ts, and returns how many bytes of r it took. It is nil
// when every length fits into what encloses it, sequences nest no deeper than MaxDepth, and the data end exactly where an
// element does; otherwise a *MalformedError, or the error of r. It reads r to its end and holds no more than a window.
func Check(r io.Reader, ts string) (int64, error) {
	syntax, _ := uid.SyntaxOf(ts)
	s := acquire(r, syntax)
	defer s.release()
	for {
		if _, err := s.Next(); err == io.EOF {
			break
		} else if err != nil {
			return s.consumed(syntax), err
		}
	}
	var err error
	if syntax.Deflated {
		err = s.inner.drain()
	}
	return s.consumed(syntax), err
}

// consumed is how much of the reader below was used.
func (s *Scanner) consumed(syntax uid.Syntax) int64 {
	if syntax.Deflated {
		return s.inner.consumed()
	}
	return s.Offset()
}
