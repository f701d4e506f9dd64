package dataset

import (
	"bytes"
	"fmt"
	"io"
	"unsafe"

	"pacsbridge/dimse/uid"
)

// MaxSize is the most bytes that Decode takes. Identifiers have a few hundred.
const MaxSize = 1 << 20

// What decoded elements may cost in memory, besides the bytes themselves: some freely, more in proportion to the bytes.
// Elements without values are eight bytes encoded and nine times that decoded; a flood of them is refused.
const (
	freeCost    = 40 << 10
	elementCost = int(unsafe.Sizeof(Element{}))
	itemCost    = int(unsafe.Sizeof(Dataset{}) + unsafe.Sizeof(&Dataset{}))
)

// Decode reads a small data set, which may not be longer than MaxSize, in transfer syntax ts. The values of the result
// are slices of b, which the caller therefore gives away. Elements out of order are put in order, and of two elements with
// the same tag the first is kept. Bytes that are no data set to their end are a *MalformedError.
func Decode(b []byte, ts string) (*Dataset, error) {
	d, _, err := DecodeNoting(b, ts)
	return d, err
}

// DecodeNoting is Decode, and tells what it had to mend.
func DecodeNoting(b []byte, ts string) (*Dataset, []Note, error) {
	if len(b) > MaxSize {
		return nil, nil, fmt.Errorf("decode data set of %d bytes: %w", len(b), ErrTooLarge)
	}
	syntax, _ := uid.SyntaxOf(ts)
	if syntax.Deflated {
		var err error
		if b, err = inflateAll(b); err != nil {
			return nil, nil, err
		}
		syntax.Deflated = false
	}
	return decode(b, syntax)
}

// decode goes over b twice: once to check and count, once to build what then has a known size.
func decode(b []byte, syntax uid.Syntax) (*Dataset, []Note, error) {
	n, err := count(scanBytes(b, syntax))
	if err != nil {
		return nil, nil, err
	}
	if n.cost() > freeCost+2*len(b)-len(b)/4 {
		return nil, nil, fmt.Errorf("decode data set: more elements than its length justifies: %w", ErrTooLarge)
	}
	d := newDecoder(scanBytes(b, syntax), n)
	root, err := d.build()
	return root, d.notes, err
}

// census is what a data set consists of.
type census struct {
	elements, items int
	swapped         int // bytes of values in big endian, which need a copy
}

func (n census) cost() int { return n.elements*elementCost + n.items*itemCost + n.swapped }

// count checks the data set and counts what is in it.
func count(scan *Scanner) (n census, err error) {
	for {
		token, err := scan.Next()
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		case token.Kind == FragmentsStart:
			return n, fmt.Errorf("decode element %s: %w", token.Tag, ErrFragments)
		}
		n.add(scan, token)
	}
}

// add counts what token stands for.
func (n *census) add(scan *Scanner, token Token) {
	switch token.Kind {
	case ItemStart:
		n.items++
	case SequenceStart:
		n.elements++
	case ElementToken:
		n.elements++
		if scan.top().big && token.VR.unit() > 1 {
			n.swapped += int(token.Length)
		}
	}
}

// inflateAll inflates a small data set: once to see how long it is, once to keep it.
func inflateAll(b []byte) ([]byte, error) {
	var in inflater
	n, err := io.Copy(io.Discard, io.LimitReader(in.reset(bytes.NewReader(b)), MaxSize+1))
	if err == nil && n > MaxSize {
		err = ErrTooLarge
	}
	if err == nil {
		err = in.drain()
	}
	if err != nil {
		return nil, fmt.Errorf("decode deflated data set: %w", err)
	}
	out := make([]byte, n)
	_, err = io.ReadFull(in.reset(bytes.NewReader(b)), out)
	return out, err
}
