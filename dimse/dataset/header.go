package dataset

import (
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

// readHeader walks over the data set up to the end of its header, and builds what it kept on the way.
func readHeader(r io.Reader, ts string, limits headerLimits) (*Dataset, error) {
	syntax, _ := uid.SyntaxOf(ts)
	if limits.max <= 0 {
		limits.max = DefaultHeaderSize
	}
	h := headers.Get().(*header)
	defer h.release()
	h.scan, h.limits = acquire(r, syntax), limits
	defer h.scan.release()
	err := h.walk()
	if err != nil {
		err = fmt.Errorf("read header: %w", err)
	}
	return h.build(syntax), err
}

// header gathers the elements of a header: their values one behind the other, those of sequences with all headers in it.
type header struct {
	scan     *Scanner
	limits   headerLimits
	values   []byte
	elements []Element // without their values
	ends     []int     // of their values
}

// headers keeps the memory for the next header.
var headers = sync.Pool{New: func() any { return new(header) }}

// maxScratch is the largest memory that is worth keeping.
const maxScratch = 256 << 10

func (h *header) release() {
	if cap(h.values) <= maxScratch && cap(h.elements)*elementCost <= maxScratch {
		*h = header{values: h.values[:0], elements: h.elements[:0], ends: h.ends[:0]}
		headers.Put(h)
	}
}

// walk goes to the stop, or to the end of the data set.
func (h *header) walk() error {
	for {
		token, err := h.scan.Next()
		switch {
		case err == io.EOF || err == nil && token.Tag >= h.limits.stop:
			return nil
		case err == nil && token.Kind == ElementToken:
			err = h.plain(token)
		case err == nil:
			err = h.nested(token)
		}
		if err != nil {
			return err
		}
	}
}

// plain keeps an element with a value, unless that is too long.
func (h *header) plain(token Token) error {
	if err := h.within(token); err != nil || h.scan.value > MaxHeaderValue {
		return err
	}
	values, err := h.scan.AppendValue(h.values)
	if err != nil {
		return err
	}
	h.values = values
	return h.add(h.scan.element(token))
}

// nested keeps a sequence with all that is in it, unless that is too long, or passes over it.
func (h *header) nested(token Token) (err error) {
	start, kept := len(h.values), token.Kind == SequenceStart && h.limits.sequences
	sequence := Element{Tag: token.Tag, VR: SQ}
	for err == nil {
		if err = h.within(token); err != nil {
			break
		}
		kept = kept && int64(len(h.values)-start)+h.scan.value <= MaxHeaderValue
		if kept {
			h.values = append(h.values, h.scan.Header()...)
			h.values, err = h.scan.AppendValue(h.values)
		}
		if len(h.scan.stack) == 1 {
			break
		}
		if err == nil {
			token, err = h.scan.Next()
		}
	}
	if !kept || err != nil {
		h.values = h.values[:start]
		return err
	}
	return h.add(sequence)
}

// within reports an error when the current token goes beyond the limit.
func (h *header) within(token Token) error {
	if h.scan.Offset()+h.scan.value > h.limits.max {
		return fmt.Errorf("element %s lies beyond %d bytes: %w", token.Tag, h.limits.max, ErrTooLarge)
	}
	return nil
}

// add keeps e, whose value is what was appended last, unless there are more elements than the length justifies.
func (h *header) add(e Element) error {
	if int64(len(h.elements)*elementCost) > freeCost+2*h.scan.Offset() {
		return fmt.Errorf("element %s: %w", e.Tag, ErrTooLarge)
	}
	h.elements = append(h.elements, e)
	h.ends = append(h.ends, len(h.values))
	return nil
}

// build makes a data set of what was kept. A sequence that would need more memory than its length justifies is left out.
func (h *header) build(syntax uid.Syntax) *Dataset {
	head := &Dataset{Elements: make([]Element, 0, len(h.elements))}
	values, start := slices.Clone(h.values), 0
	syntax.Deflated = false
	for i, e := range h.elements {
		value := values[start:h.ends[i]:h.ends[i]]
		start = h.ends[i]
		if e.VR == SQ {
			sequence, _, err := decode(value, syntax)
			if err != nil {
				continue
			}
			e = sequence.Elements[0]
			adopt(head, e.Items)
		} else if e.Value = value; syntax.BigEndian {
			swapInPlace(e.VR.unit(), value)
		}
		head.Elements = append(head.Elements, e)
	}
	head.Elements, _ = ordered(head.Elements, nil)
	return head
}
