package dataset

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"

	"pacsbridge/dimse/uid"
)

// MaxSize is the most bytes that Decode takes. Identifiers have a few hundred.
const MaxSize = 1 << 20

// What decoded elements may cost in memory, besides the bytes themselves: some freely, more in proportion to the bytes.
// Elements without values are eight bytes encoded and nine times that decoded; a flood of them is refused.
const (
	freeCost    = 48 << 10
	costPerByte = 2
	elementCost = 80
	itemCost    = 48
)

// Note is something odd that Decode met and mended.
type Note struct {
	Tag  Tag
	What string
}

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

// decoder builds a tree of data sets from the tokens of a scanner. The elements of all open data sets stand one behind
// the other on one stack, so that each data set gets its elements in one piece of the right size.
type decoder struct {
	scan     *Scanner
	elements []Element
	items    []*Dataset
	open     []openDataset
	budget   int
	notes    []Note
}

// openDataset is a data set whose elements are still coming, and the sequence that it is an item of.
type openDataset struct {
	dataset *Dataset
	first   int     // of its elements on the stack
	parent  Element // the sequence
	item    int     // the sequence's first item on the stack
}

// decoders keeps the stacks for the next data set.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func decode(b []byte, syntax uid.Syntax) (*Dataset, []Note, error) {
	d := decoders.Get().(*decoder)
	defer d.release()
	d.scan, d.budget = scanBytes(b, syntax), freeCost+costPerByte*len(b)
	root := New()
	d.open = append(d.open, openDataset{dataset: root})
	for {
		token, err := d.scan.Next()
		if err == io.EOF {
			d.closeDataset()
			return root, d.notes, nil
		}
		if err == nil {
			err = d.take(token)
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// release forgets what the stacks hold and keeps their memory.
func (d *decoder) release() {
	clear(d.elements[:cap(d.elements)])
	clear(d.items[:cap(d.items)])
	clear(d.open[:cap(d.open)])
	*d = decoder{elements: d.elements[:0], items: d.items[:0], open: d.open[:0]}
	decoders.Put(d)
}

// take adds what token stands for.
func (d *decoder) take(token Token) error {
	switch token.Kind {
	case ElementToken:
		d.budget -= elementCost
		d.elements = append(d.elements, d.element(token))
	case SequenceStart:
		d.budget -= elementCost
		d.open[len(d.open)-1].parent = Element{Tag: token.Tag, VR: token.VR}
		d.open[len(d.open)-1].item = len(d.items)
	case ItemStart:
		d.budget -= itemCost
		parent := d.open[len(d.open)-1].dataset
		d.open = append(d.open, openDataset{dataset: &Dataset{parent: parent}, first: len(d.elements)})
	case ItemEnd:
		d.items = append(d.items, d.closeDataset())
	case SequenceEnd:
		d.closeSequence()
	case FragmentsStart:
		return fmt.Errorf("decode element %s: %w", token.Tag, ErrFragments)
	}
	if d.budget < 0 {
		return fmt.Errorf("decode data set: more elements than its length justifies: %w", ErrTooLarge)
	}
	return nil
}

// element makes an element of the current value.
func (d *decoder) element(token Token) Element {
	e := Element{Tag: token.Tag, VR: token.VR}
	if h := d.scan.Header(); d.scan.top().explicit && e.VR == UN {
		if _, known := knownVR(h[4], h[5]); !known {
			e.VR = VR(h[4:6])
		}
	}
	e.Value = d.scan.view()
	if d.scan.top().big && e.VR.unit() > 1 {
		d.budget -= len(e.Value)
		e.Value = swapped(e.VR, e.Value)
	}
	return e
}

// closeSequence makes an element of the items since the innermost sequence began.
func (d *decoder) closeSequence() {
	o := &d.open[len(d.open)-1]
	e := o.parent
	if items := d.items[o.item:]; len(items) > 0 || e.VR == UN {
		e.Items = append(make([]*Dataset, 0, len(items)), items...)
	}
	d.items = d.items[:o.item]
	d.elements = append(d.elements, e)
}

// closeDataset gives the innermost data set its elements, in order and each once.
func (d *decoder) closeDataset() *Dataset {
	o := d.open[len(d.open)-1]
	d.open = d.open[:len(d.open)-1]
	elements := d.elements[o.first:]
	if !slices.IsSortedFunc(elements, strictly) {
		elements = d.order(elements)
	}
	if len(elements) > 0 {
		o.dataset.Elements = slices.Clone(elements)
	}
	d.elements = d.elements[:o.first]
	return o.dataset
}

// strictly orders elements so that two with the same tag count as out of order.
func strictly(a, b Element) int {
	if a.Tag == b.Tag {
		return -1
	}
	return cmp.Compare(a.Tag, b.Tag)
}

// order sorts elements and drops those whose tag came before.
func (d *decoder) order(elements []Element) []Element {
	byTag := func(a, b Element) int { return cmp.Compare(a.Tag, b.Tag) }
	if !slices.IsSortedFunc(elements, byTag) {
		d.note(elements[0].Tag, "elements out of order were put in order")
		slices.SortStableFunc(elements, byTag)
	}
	return slices.CompactFunc(elements, func(a, b Element) bool {
		if a.Tag == b.Tag {
			d.note(a.Tag, "of two elements with this tag the first was kept")
		}
		return a.Tag == b.Tag
	})
}

// maxNotes is how many notes are taken; a flood of oddities is not told one by one.
const maxNotes = 16

func (d *decoder) note(tag Tag, what string) {
	if len(d.notes) < maxNotes {
		d.notes = append(d.notes, Note{Tag: tag, What: what})
	}
}

// inflateAll inflates a small data set.
func inflateAll(b []byte) ([]byte, error) {
	var in inflater
	out, err := io.ReadAll(io.LimitReader(in.reset(bytes.NewReader(b)), MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("decode data set: %w", err)
	}
	if len(out) > MaxSize {
		return nil, fmt.Errorf("decode deflated data set: %w", ErrTooLarge)
	}
	return out, in.drain()
}
