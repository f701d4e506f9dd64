package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
)

// takeItem opens an item of a sequence that leads to a change; one that leads to none goes by as a whole.
func (p *patcher) takeItem() error {
	l := p.level()
	numbers := make([]int, 0, 4)
	for _, n := range l.within {
		if place := p.changes[n].Within[len(p.levels)-1]; place.Item == EveryItem || place.Item == l.item {
			numbers = append(numbers, n)
		}
	}
	l.item++
	if len(numbers) == 0 {
		return p.whole(p.scan.token, &p.out)
	}
	p.enter(numbers)
	return p.out.begin(p.scan, p.scan.token)
}

// leads reports whether there are changes within the sequence of tag, and keeps which.
func (p *patcher) leads(tag Tag) bool {
	l := p.level()
	l.within, l.item = l.within[:0], 0
	for _, n := range l.deeper {
		if p.changes[n].Within[len(p.levels)-1].Sequence == tag {
			l.within = append(l.within, n)
		}
	}
	return len(l.within) > 0
}

// insert makes the changes whose tags come before tag and were not met: it puts attributes in that were not there.
func (p *patcher) insert(before Tag) error {
	l := p.level()
	for ; l.next < len(l.edits); l.next++ {
		e := &l.edits[l.next]
		if p.changes[e.change].Tag >= before && before != UndefinedLength {
			return nil
		}
		if err := p.make(e, ""); err != nil {
			return err
		}
	}
	return nil
}

// replaces reports whether the element of tag does not stay: a change takes its place, or it is the length of a group
// that changes.
func (p *patcher) replaces(tag Tag) bool {
	for _, e := range p.level().edits {
		changed := p.changes[e.change].Tag
		if changed == tag || tag.Element() == 0 && changed.Group() == tag.Group() {
			return true
		}
	}
	return false
}

// replace passes over the current element, and puts what it becomes in its place.
func (p *patcher) replace(token Token) error {
	if err := p.whole(token, io.Discard); err != nil {
		return err
	}
	for i := range p.level().edits {
		e := &p.level().edits[i]
		if p.changes[e.change].Tag != token.Tag {
			continue
		}
		if p.changes[e.change].Set == nil {
			p.made[e.change]++
			e.made = true
		} else if err := p.make(e, token.VR); err != nil {
			return err
		}
	}
	return nil
}

// make writes what a change sets, once a place. An element that says nothing of its VR has the one that was there.
func (p *patcher) make(e *edit, was VR) error {
	change := p.changes[e.change]
	if e.made || change.Set == nil {
		return nil
	}
	e.made = true
	p.made[e.change]++
	element := *change.Set
	element.Tag = change.Tag
	if element.VR == "" {
		element.VR = was
	}
	if element.VR == "" {
		element.VR = DictionaryVR(element.Tag)
	}
	element.Value = pad(element.VR, slices.Clone(element.Value))
	written, err := p.level().encoder.element(nil, &element, len(p.levels)-1)
	if err != nil {
		return err
	}
	_, err = p.out.Write(written)
	return err
}

// whole copies the current token, with all that is nested in it, to w.
func (p *patcher) whole(token Token, w io.Writer) error {
	open := 0
	for {
		if err := copyToken(w, p.scan); err != nil {
			return err
		}
		switch token.Kind {
		case SequenceStart, ItemStart, FragmentsStart:
			open++
		case SequenceEnd, ItemEnd, FragmentsEnd:
			open--
		}
		if open == 0 {
			return nil
		}
		var err error
		if token, err = p.scan.Next(); err != nil {
			return err
		}
	}
}

// patched is a patcher's output. From the beginning of a sequence or item that is counted by length to its end it holds
// everything back, since the length stands in front and is not yet known.
type patched struct {
	io.Writer
	chunks [][]byte
	size   int64
	open   []opened
}

// opened is a sequence or item on the way to a change.
type opened struct {
	length []byte // where its length stands in a chunk; nil where it ends with a delimiter
	start  int64  // the size before its content
	big    bool
}

// Write writes b, or holds it back.
func (o *patched) Write(b []byte) (int, error) {
	if o.size == 0 {
		return o.Writer.Write(b)
	}
	o.hold(b)
	return len(b), nil
}

// Chunks of what is held back.
const (
	firstChunk = 4 << 10
	chunkSize  = 64 << 10
)

// hold keeps b in one piece, and returns where.
func (o *patched) hold(b []byte) []byte {
	last := len(o.chunks) - 1
	if last < 0 || cap(o.chunks[last])-len(o.chunks[last]) < len(b) {
		room := max(len(b), int(min(max(o.size, firstChunk), chunkSize)))
		o.chunks = append(o.chunks, make([]byte, 0, room))
		last++
	}
	at := len(o.chunks[last])
	o.chunks[last] = append(o.chunks[last], b...)
	o.size += int64(len(b))
	return o.chunks[last][at:]
}

// begin writes the header of a sequence or item whose content may change.
func (o *patched) begin(scan *Scanner, token Token) error {
	if token.Length == UndefinedLength {
		o.open = append(o.open, opened{})
		_, err := o.Write(scan.Header())
		return err
	}
	header := o.hold(scan.Header())
	o.open = append(o.open, opened{length: header[len(header)-4:], start: o.size, big: scan.top().big})
	return nil
}

// end writes the delimiter, if there is one, and the length; behind the outermost counted one it lets go of everything.
func (o *patched) end(scan *Scanner) error {
	closing := o.open[len(o.open)-1]
	o.open = o.open[:len(o.open)-1]
	if _, err := o.Write(scan.Header()); err != nil || closing.length == nil {
		return err
	}
	length := o.size - closing.start
	switch {
	case length >= math.MaxUint32:
		return fmt.Errorf("a sequence of %d bytes: %w", length, ErrTooLarge)
	case closing.big:
		binary.BigEndian.PutUint32(closing.length, uint32(length))
	default:
		binary.LittleEndian.PutUint32(closing.length, uint32(length))
	}
	for _, outer := range o.open {
		if outer.length != nil {
			return nil
		}
	}
	return o.flush()
}

// flush writes what was held back.
func (o *patched) flush() error {
	for _, chunk := range o.chunks {
		if _, err := o.Writer.Write(chunk); err != nil {
			return err
		}
	}
	o.chunks, o.size = o.chunks[:0], 0
	return nil
}
