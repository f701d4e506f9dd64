package dataset

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"

	"pacsbridge/dimse/uid"
)

const (
	// DefaultHeaderSize is how far Peek, and ReadHeader without a limit of its own, walk into a data set.
	DefaultHeaderSize = 4 << 20
	// MaxHeaderValue is the longest element that Peek and ReadHeader keep.
	MaxHeaderValue = 64 << 10
)

// ReadHeader reads the elements before tag stop from the data set in r, whose transfer syntax is ts. Elements longer than
// MaxHeaderValue, sequences included, are passed over and left out; so is encapsulated pixel data. A stop that does not
// come within max bytes (zero: DefaultHeaderSize) is ErrTooLarge. What lies behind stop is not checked, and r may be read
// further than that. When err is not nil, the data set holds what came before the fault.
func ReadHeader(r io.Reader, ts string, stop Tag, max int64) (*Dataset, error) {
	return readHeader(r, ts, headerLimits{stop: stop, max: max, sequences: true})
}

// Peek reads the plain elements before tag stop from the data set in r, whose transfer syntax is ts, and gives back
// the data set from its first byte: whole reads again what was read, then the rest of r. Elements longer than
// MaxHeaderValue and all sequences are passed over and left out of head. Even when err is not nil, whole is the data set
// with nothing lost, and head holds what came before the fault.
func Peek(r io.Reader, ts string, stop Tag) (head *Dataset, whole io.Reader, err error) {
	recorder := &recorder{r: r}
	head, err = readHeader(recorder, ts, headerLimits{stop: stop})
	return head, recorder.replay(), err
}

// headerLimits tells which part of a data set is its header.
type headerLimits struct {
	stop      Tag
	max       int64
	sequences bool
}

// scratches keeps the buffers in which headers are collected.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// maxScratch is the largest buffer that is worth keeping.
const maxScratch = 256 << 10

// readHeader copies the bytes of the elements that are wanted one behind another, and decodes those.
func readHeader(r io.Reader, ts string, limits headerLimits) (*Dataset, error) {
	syntax, _ := uid.SyntaxOf(ts)
	if limits.max <= 0 {
		limits.max = DefaultHeaderSize
	}
	scan := acquire(r, syntax)
	defer scan.release()
	scratch := scratches.Get().(*[]byte)
	collector := headerCollector{scan: scan, limits: limits, kept: (*scratch)[:0]}
	fault := collector.run()
	header := slices.Clone(collector.kept[:collector.sound])
	if *scratch = collector.kept; cap(*scratch) <= maxScratch {
		scratches.Put(scratch)
	}
	syntax.Deflated = false
	head, _, err := decode(header, syntax)
	if head == nil {
		head = New()
	}
	if fault == nil {
		fault = err
	}
	if fault != nil {
		return head, fmt.Errorf("read header: %w", fault)
	}
	return head, nil
}

// headerCollector gathers the encoded elements of a header.
type headerCollector struct {
	scan   *Scanner
	limits headerLimits
	kept   []byte
	sound  int // how much of kept is whole elements
}

// run walks up to the stop, or to the end of the data set.
func (c *headerCollector) run() error {
	for {
		token, err := c.scan.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case token.Tag >= c.limits.stop:
			return nil
		case token.Kind != ElementToken && !c.limits.sequences:
			err = c.walk(token, nil)
		default:
			err = c.walk(token, c.keep)
		}
		if err != nil {
			return err
		}
		c.sound = len(c.kept)
	}
}

// walk goes over one element of the data set, with all that is nested in it, and hands each token to keep as long as that
// wants more. An element that is not kept to its end is not kept at all.
func (c *headerCollector) walk(token Token, keep func(Token) (bool, error)) (err error) {
	wanted := keep != nil
	for {
		if c.scan.Offset()+c.scan.value > c.limits.max {
			return fmt.Errorf("element %s lies beyond %d bytes: %w", token.Tag, c.limits.max, ErrTooLarge)
		}
		if wanted {
			if wanted, err = keep(token); err != nil {
				return err
			}
		}
		if !wanted {
			c.kept = c.kept[:c.sound]
		}
		if len(c.scan.stack) == 1 {
			return nil
		}
		if token, err = c.scan.Next(); err != nil {
			return err
		}
	}
}

// keep appends the current token, and reports whether its element may be kept so far.
func (c *headerCollector) keep(token Token) (bool, error) {
	length := int64(len(c.kept)-c.sound) + c.scan.value
	if length > MaxHeaderValue || token.Kind == FragmentsStart {
		return false, nil
	}
	var err error
	c.kept = append(c.kept, c.scan.Header()...)
	c.kept, err = c.scan.AppendValue(c.kept)
	return true, err
}

// recorder keeps what is read through it.
type recorder struct {
	r      io.Reader
	chunks [][]byte
	size   int
	err    error
}

// firstRead is how much Peek reads at first: the header of most images, and little to copy.
const firstRead = 8 << 10

// Read reads from the reader below, and keeps a copy.
func (r *recorder) Read(p []byte) (int, error) {
	if r.size == 0 {
		p = p[:min(len(p), firstRead)]
	}
	n, err := r.r.Read(p)
	r.keep(p[:n])
	r.err = err
	return n, err
}

// keep appends b to the last chunk, or opens another: as large as all before it, within reason.
func (r *recorder) keep(b []byte) {
	r.size += len(b)
	if last := len(r.chunks) - 1; last >= 0 {
		room := min(cap(r.chunks[last])-len(r.chunks[last]), len(b))
		r.chunks[last] = append(r.chunks[last], b[:room]...)
		b = b[room:]
	}
	if len(b) > 0 {
		chunk := make([]byte, 0, max(len(b), min(r.size, bufferSize)))
		r.chunks = append(r.chunks, append(chunk, b...))
	}
}

// replay reads what was kept, then the rest.
func (r *recorder) replay() io.Reader {
	readers := make([]io.Reader, 0, len(r.chunks)+1)
	for _, chunk := range r.chunks {
		readers = append(readers, bytes.NewReader(chunk))
	}
	switch r.err {
	case nil:
		readers = append(readers, r.r)
	case io.EOF:
	default:
		readers = append(readers, failing{r.err})
	}
	return io.MultiReader(readers...)
}

// failing is a reader that fails.
type failing struct{ err error }

// Read returns the failure.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
