package dataset

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"pacsbridge/dimse/uid"
)

// PeekUID reads on to a UID among the elements of the data set in r, whose transfer syntax is ts, and returns it as String
// does: "" where there is none. Like Peek it gives back the data set from its first byte, also when err is not nil. It
// costs a tenth of Peek, since nothing before the element is kept.
func PeekUID(r io.Reader, ts string, tag Tag) (value string, whole io.Reader, err error) {
	syntax, _ := uid.SyntaxOf(ts)
	if syntax.Deflated {
		return peekFar(r, ts, tag)
	}
	begin := &replayer{buffer: beginnings.Get().(*[firstRead]byte), rest: r}
	begin.fill()
	value, found, err := begin.find(syntax, tag)
	if found || err != nil && !cut(err) {
		return value, begin, err
	}
	return peekFar(begin, ts, tag)
}

// peekFar is PeekUID where the element does not stand in what is read first.
func peekFar(r io.Reader, ts string, tag Tag) (string, io.Reader, error) {
	head, whole, err := Peek(r, ts, tag+1)
	return head.String(tag), whole, err
}

// cut reports whether the bytes that were at hand ended too early.
func cut(err error) bool {
	var malformed *MalformedError
	return errors.As(err, &malformed) && malformed.Cut
}

// beginnings keeps the memory for the beginning of the next data set.
var beginnings = sync.Pool{New: func() any { return new([firstRead]byte) }}

// replayer reads the beginning of a stream again, then the rest. It has no WriteTo on purpose: io.Copy lets a
// destination that can do so read the rest right into its place.
type replayer struct {
	buffer *[firstRead]byte // nil once it has been read again
	lo, hi int
	rest   io.Reader
	err    error // of the rest
}

// fill reads the beginning: what comes at once is most often enough, and more than that is worth no wait.
func (b *replayer) fill() {
	for range maxEmptyReads {
		if b.hi, b.err = b.rest.Read(b.buffer[:]); b.hi > 0 || b.err != nil {
			return
		}
	}
	b.err = io.ErrNoProgress
}

// find looks for the element in the beginning. found is true where it is there, or where what is there proves that it
// is not in the data set.
func (b *replayer) find(syntax uid.Syntax, tag Tag) (value string, found bool, err error) {
	scan := scanBytes(b.buffer[:b.hi], syntax)
	for {
		token, err := scan.Next()
		switch {
		case err == io.EOF:
			return "", b.err == io.EOF, nil
		case err != nil:
			return "", false, fmt.Errorf("read header: %w", err)
		case token.Depth > 0 || token.Kind == SequenceEnd || token.Kind == FragmentsEnd || token.Tag < tag:
		case token.Tag > tag || token.Kind != ElementToken || token.Length > MaxHeaderValue:
			return "", true, nil
		default:
			raw, err := scan.AppendValue(nil)
			if err != nil {
				return "", false, fmt.Errorf("read header: %w", err)
			}
			first, _, _ := strings.Cut(string(raw), `\`)
			return trim(UI, first), true, nil
		}
	}
}

// Read reads the beginning, then the rest.
func (b *replayer) Read(p []byte) (int, error) {
	if b.buffer == nil {
		if b.err != nil {
			return 0, b.err
		}
		return b.rest.Read(p)
	}
	n := copy(p, b.buffer[b.lo:b.hi])
	if b.lo += n; b.lo < b.hi {
		return n, nil
	}
	beginnings.Put(b.buffer)
	b.buffer = nil
	return n, b.err
}
