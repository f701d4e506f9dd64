package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"pacsbridge/dimse/uid"
)

// Change is one change to an attribute of a data set, at whatever depth.
type Change struct {
	Within []Place  // the sequences around it, from the outside in; none for the data set itself
	Tag    Tag      // of the attribute
	Set    *Element // what it becomes; nil takes it out. Tag is not used; without VR it keeps the one that it had
}

// Place names items of a sequence.
type Place struct {
	Sequence Tag
	Item     int // counted from zero, or EveryItem
}

// EveryItem stands for all items of a sequence.
const EveryItem = -1

// Patch copies the data set in r, whose transfer syntax is ts, to w and makes changes on the way; made tells at how many
// places each one was made; of several to one attribute the last holds. An attribute that is not there yet is put in its place by the order of tags; sequences around it
// are not made. All else stays the same, byte for byte, except the lengths of sequences and items around a change, and the
// group lengths of the groups that changes name, which are left out (they are retired, PS3.5 §7.2). A deflated data set is deflated anew.
//
// Sequences around a change whose length is counted are held in memory, the outermost one whole. When err is not nil, what
// was written is of no use.
func Patch(w io.Writer, r io.Reader, ts string, changes []Change) (made []int, err error) {
	syntax, _ := uid.SyntaxOf(ts)
	for _, c := range changes {
		if c.Tag.Group() == delimiterGroup || c.Tag.Element() == 0 {
			return nil, fmt.Errorf("patch %s: %w", c.Tag, ErrChange)
		}
	}
	scan := acquire(r, syntax)
	defer scan.release()
	out := newOutput(w, syntax)
	p := &patcher{scan: scan, out: patched{Writer: out}, changes: changes, made: make([]int, len(changes))}
	p.enter(p.all())
	if err := p.run(); err != nil {
		return p.made, fmt.Errorf("patch data set: %w", err)
	}
	return p.made, out.Close()
}

// ErrChange is returned for a change that cannot be made: of a delimiter or a group length.
var ErrChange = errors.New("no such change")

// patcher copies tokens from its scanner to its output, except where a change says otherwise.
type patcher struct {
	scan    *Scanner
	out     patched
	changes []Change
	made    []int
	levels  []level
}

// level is a data set on the way to a change: the data set itself, or an item.
type level struct {
	edits  []edit // changes of its own attributes, by tag
	deeper []int  // changes within its sequences
	next   int    // the first of edits whose tag has not been passed
	within []int  // of deeper, those within the sequence that is being read
	item   int    // of that sequence

	encoder encoder // for what is put in
}

// edit is a change at one place.
type edit struct {
	change int
	made   bool
}

// all numbers all changes.
func (p *patcher) all() []int {
	numbers := make([]int, len(p.changes))
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// enter opens a level for the changes whose numbers are given. It uses the memory of a level that was left.
func (p *patcher) enter(numbers []int) {
	depth := len(p.levels)
	if depth < cap(p.levels) {
		p.levels = p.levels[:depth+1]
	} else {
		p.levels = append(p.levels, level{})
	}
	l := &p.levels[depth]
	*l = level{edits: l.edits[:0], deeper: l.deeper[:0], within: l.within[:0]}
	for _, n := range numbers {
		if len(p.changes[n].Within) == depth {
			l.edits = append(l.edits, edit{change: n})
		} else {
			l.deeper = append(l.deeper, n)
		}
	}
	top := p.scan.top()
	l.encoder = encoder{syntax: uid.Syntax{Explicit: top.explicit, BigEndian: top.big}}
	p.sort(l)
}

// sort puts the edits of a level in the order of their tags; of several to one tag the last change holds.
func (p *patcher) sort(l *level) {
	tag := func(e edit) Tag { return p.changes[e.change].Tag }
	slices.SortFunc(l.edits, func(a, b edit) int { return cmp.Or(cmp.Compare(tag(a), tag(b)), cmp.Compare(b.change, a.change)) })
	l.edits = slices.CompactFunc(l.edits, func(a, b edit) bool { return tag(a) == tag(b) })
}

func (p *patcher) level() *level { return &p.levels[len(p.levels)-1] }

// run goes over all tokens of the levels. What is nested where no change is goes by as a whole.
func (p *patcher) run() error {
	for {
		token, err := p.scan.Next()
		if err == io.EOF {
			return p.insert(UndefinedLength)
		}
		if err == nil {
			err = p.take(token)
		}
		if err != nil {
			return err
		}
	}
}

// take copies or changes what token stands for.
func (p *patcher) take(token Token) error {
	switch token.Kind {
	case ItemStart:
		return p.takeItem()
	case ItemEnd:
		if err := p.insert(UndefinedLength); err != nil {
			return err
		}
		p.levels = p.levels[:len(p.levels)-1]
		return p.out.end(p.scan)
	case SequenceEnd:
		return p.out.end(p.scan)
	}
	if err := p.insert(token.Tag); err != nil {
		return err
	}
	switch {
	case p.replaces(token.Tag):
		return p.replace(token)
	case token.Kind == SequenceStart && p.leads(token.Tag):
		return p.out.begin(p.scan, token)
	}
	return p.whole(token, &p.out)
}
