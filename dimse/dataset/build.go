package dataset

import (
	"fmt"
	"io"
)

// decoder builds a tree of data sets from the tokens of a scanner, in memory that was counted before. The elements of the
// data sets that are still open stand one behind the other at the front of elements, those of finished ones at its back;
// so each data set has its elements in one piece. The items of sequences are kept in the same way.
type decoder struct {
	scan     *Scanner
	elements stack[Element]
	items    stack[*Dataset]
	datasets []Dataset
	open     []openDataset
	notes    []Note
}

// openDataset is a data set whose elements are still coming, and the sequence in it that is being read.
type openDataset struct {
	dataset  *Dataset
	first    int     // of its elements
	sequence Element // without its items
	item     int     // the sequence's first item
}

func newDecoder(scan *Scanner, n census) *decoder {
	return &decoder{
		scan:     scan,
		elements: newStack[Element](n.elements),
		items:    newStack[*Dataset](n.items),
		datasets: make([]Dataset, 0, n.items),
	}
}

// build reads all tokens. That they are more than were counted cannot be, unless the dictionary has run out of answers in
// between; then the data set is refused.
func (d *decoder) build() (*Dataset, error) {
	root := New()
	d.open = append(d.open, openDataset{dataset: root})
	for {
		token, err := d.scan.Next()
		if err == io.EOF {
			d.closeDataset()
			return root, nil
		}
		if err == nil && !d.room(token.Kind) {
			err = fmt.Errorf("decode data set: %w", ErrTooLarge)
		}
		if err != nil {
			return nil, err
		}
		d.take(token)
	}
}

// room reports whether what a token brings still has a place.
func (d *decoder) room(kind Kind) bool {
	switch kind {
	case ElementToken, SequenceEnd:
		return !d.elements.full()
	case ItemEnd:
		return !d.items.full()
	}
	return true
}

// take adds what token stands for.
func (d *decoder) take(token Token) {
	innermost := &d.open[len(d.open)-1]
	switch token.Kind {
	case ElementToken:
		d.elements.push(d.element(token))
	case SequenceStart:
		innermost.sequence = Element{Tag: token.Tag, VR: token.VR}
		innermost.item = d.items.top
	case ItemStart:
		d.datasets = append(d.datasets, Dataset{parent: innermost.dataset})
		item := &d.datasets[len(d.datasets)-1]
		d.open = append(d.open, openDataset{dataset: item, first: d.elements.top})
	case ItemEnd:
		d.items.push(d.closeDataset())
	case SequenceEnd:
		e := innermost.sequence
		if items := d.items.finish(innermost.item); len(items) > 0 || e.VR == UN {
			e.Items = items
		}
		d.elements.push(e)
	}
}

// element makes an element of the current value.
func (d *decoder) element(token Token) Element {
	e := d.scan.element(token)
	e.Value = d.scan.view()
	if d.scan.top().big {
		e.Value = swapped(e.VR, e.Value)
	}
	return e
}

// element makes an element of the current token, without its value. Letters that are no VR are kept.
func (s *Scanner) element(token Token) Element {
	e := Element{Tag: token.Tag, VR: token.VR}
	if e.VR == UN && s.top().explicit && string(s.header[4:6]) != string(UN) {
		e.VR = VR(s.header[4:6])
	}
	return e
}

// closeDataset gives the innermost data set its elements, in order and each once.
func (d *decoder) closeDataset() *Dataset {
	o := d.open[len(d.open)-1]
	d.open = d.open[:len(d.open)-1]
	var elements []Element
	elements, d.notes = ordered(d.elements.since(o.first), d.notes)
	d.elements.top = o.first + len(elements)
	o.dataset.Elements = d.elements.finish(o.first)
	return o.dataset
}

// stack holds what is unfinished at its front and what is finished at its back.
type stack[T any] struct {
	all  []T
	top  int // behind the unfinished
	back int // before the finished
}

func newStack[T any](n int) stack[T] { return stack[T]{all: make([]T, n), back: n} }

func (s *stack[T]) full() bool { return s.top == s.back }

func (s *stack[T]) push(v T) {
	s.all[s.top] = v
	s.top++
}

// since returns the unfinished ones from first on.
func (s *stack[T]) since(first int) []T { return s.all[first:s.top] }

// finish moves the unfinished ones from first on to the back, and returns them there.
func (s *stack[T]) finish(first int) []T {
	n := s.top - first
	done := s.all[s.back-n : s.back : s.back]
	copy(done, s.all[first:s.top])
	s.top, s.back = first, s.back-n
	return done
}
