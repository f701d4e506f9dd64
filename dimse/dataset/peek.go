package dataset

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"pacsbridge/dimse/uid"
)

// PeekUIDs reads on to the UIDs with the given tags, which ascend, in the data set in r, whose transfer syntax is ts, and
// returns them as String does: "" where there is none. Like Peek it gives back the data set from its first byte, also when
// err is not nil. It costs a fraction of Peek, since nothing else is kept.
func PeekUIDs(r io.Reader, ts string, tags ...Tag) (uids []string, whole io.Reader, err error) {
	syntax, _ := uid.SyntaxOf(ts)
	if syntax.Deflated {
		return peekFar(r, ts, tags)
	}
	begin := &replayer{buffer: beginnings.Get().(*[firstRead]byte), rest: r}
	for begin.fill() {
		uids, done, err := begin.find(syntax, tags)
		if done || err != nil && !cut(err) {
			return uids, begin, err
		}
	}
	return peekFar(begin, ts, tags)
}

// peekFar is PeekUIDs where the elements do not stand in what is read first.
func peekFar(r io.Reader, ts string, tags []Tag) (uids []string, whole io.Reader, err error) {
	head, whole, err := Peek(r, ts, tags[len(tags)-1]+1)
	for _, tag := range tags {
		uids = append(uids, head.String(tag))
	}
	return uids, whole, err
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

// fill reads on in the beginning; what comes at once is most often enough. It is false where there is no more room, or
// nothing more to read.
func (b *replayer) fill() bool {
	if b.err != nil || b.hi == len(b.buffer) {
		return false
	}
	for range maxEmptyReads {
		n, err := b.rest.Read(b.buffer[b.hi:])
		b.hi, b.err = b.hi+n, err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	b.err = io.ErrNoProgress
	return false
}

// find looks for the elements in the beginning. done is false where more must be read to know them.
func (b *replayer) find(syntax uid.Syntax, tags []Tag) (uids []string, done bool, err error) {
	uids = make([]string, len(tags))
	scan, next := scanBytes(b.buffer[:b.hi], syntax), 0
	for next < len(tags) {
		token, err := scan.Next()
		if err == io.EOF {
			return uids, b.err == io.EOF, nil
		}
		if err != nil {
			return uids, false, fmt.Errorf("read header: %w", err)
		}
		if token.Depth > 0 || token.Kind == SequenceEnd || token.Kind == FragmentsEnd {
			continue
		}
		for next < len(tags) && tags[next] < token.Tag {
			next++
		}
		if next == len(tags) || tags[next] != token.Tag || token.Kind != ElementToken || token.Length > MaxHeaderValue {
			continue
		}
		raw, err := scan.AppendValue(nil)
		if err != nil {
			return uids, false, fmt.Errorf("read header: %w", err)
		}
		first, _, _ := strings.Cut(string(raw), `\`)
		uids[next] = trim(UI, first)
		next++
	}
	return uids, true, nil
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
