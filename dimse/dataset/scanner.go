package dataset

import (
	"fmt"
	"io"
	"math"
	"sync"

	"pacsbridge/dimse/uid"
)

// MaxDepth is how deep sequences may nest before a data set counts as hostile.
const MaxDepth = 64

// Scanner walks over an encoded data set, element by element, in one linear pass. It needs the same memory for any
// input, does not recurse, and checks each length against what encloses it. Values are skipped unless they are asked for.
//
//	for {
//		token, err := scanner.Next()
//		if err == io.EOF {
//			break // whole and sound
//		}
//		...
//	}
type Scanner struct {
	src    source
	dict   dictionary
	stack  []frame
	header [12]byte // of the current token, as it stood
	length int      // of header
	value  int64    // bytes of the current value that nobody has read
	err    error    // the first failure, or io.EOF
	token  Token
	inner  inflater
	base   [16]frame
}

// frame is something that encloses elements or items: the data set, a sequence, an item, a run of fragments.
type frame struct {
	kind     frameKind
	explicit bool // how the elements within are encoded
	big      bool
	counted  bool  // its length is defined: it ends at limit instead of at a delimiter
	limit    int64 // offset that nothing within may cross
}

type frameKind uint8

const (
	wholeFrame frameKind = iota
	sequenceFrame
	itemFrame
	fragmentsFrame
)

// NewScanner walks over the data set that r holds in the given syntax. A deflated one is inflated on the way, within
// bounds. The scanner reads ahead of what it has returned; r belongs to it.
func NewScanner(r io.Reader, syntax uid.Syntax) *Scanner {
	s := &Scanner{src: source{buf: make([]byte, bufferSize)}}
	s.reset(r, syntax)
	return s
}

// scanBytes walks over a data set in memory, which is never deflated.
func scanBytes(b []byte, syntax uid.Syntax) *Scanner {
	s := &Scanner{src: source{buf: b, hi: len(b)}}
	s.start(syntax, int64(len(b)))
	return s
}

// scanners keeps scanners with their windows for the next pass.
var scanners = sync.Pool{New: func() any { return &Scanner{src: source{buf: make([]byte, bufferSize)}} }}

// acquire is NewScanner for a pass that ends with release.
func acquire(r io.Reader, syntax uid.Syntax) *Scanner {
	s := scanners.Get().(*Scanner)
	s.reset(r, syntax)
	return s
}

// release gives s back; nothing that it returned may be used any more.
func (s *Scanner) release() {
	s.src.r = nil
	s.inner.count.r = nil
	scanners.Put(s)
}

// reset makes s ready for another data set.
func (s *Scanner) reset(r io.Reader, syntax uid.Syntax) {
	if syntax.Deflated {
		r = s.inner.reset(r)
	}
	s.src = source{r: r, buf: s.src.buf}
	s.start(syntax, math.MaxInt64)
}

func (s *Scanner) start(syntax uid.Syntax, limit int64) {
	s.dict, s.value, s.length, s.err = dictionary{}, 0, 0, nil
	s.stack = append(s.base[:0], frame{explicit: syntax.Explicit, big: syntax.BigEndian, limit: limit})
}

// Header returns the bytes of the current token before its value, exactly as they stood: tag, VR and length. It is
// empty for the end of a sequence or item that was counted by length. It holds until the next call of Next.
func (s *Scanner) Header() []byte { return s.header[:s.length] }

// Offset is the place behind all that was consumed so far.
func (s *Scanner) Offset() int64 { return s.src.offset() }

// Next skips what is left of the current value and goes to the next token. At the end of a data set that is whole it
// returns io.EOF; anything else wrong with the bytes is a *MalformedError. Errors stick.
func (s *Scanner) Next() (Token, error) {
	if s.err != nil {
		return Token{}, s.err
	}
	if s.value > 0 {
		if s.err = s.skip(); s.err != nil {
			return Token{}, s.err
		}
	}
	s.length = 0
	s.token = Token{Offset: s.src.offset(), Depth: s.depth()}
	s.err = s.step()
	return s.token, s.err
}

// depth counts the sequences that are open; items stand between them on the stack.
func (s *Scanner) depth() int { return len(s.stack) / 2 }

func (s *Scanner) top() *frame { return &s.stack[len(s.stack)-1] }

// step goes one token further, as what encloses it demands.
func (s *Scanner) step() error {
	top := s.top()
	if top.counted && s.src.offset() == top.limit {
		return s.close(top.kind)
	}
	switch top.kind {
	case sequenceFrame:
		return s.stepSequence(top)
	case fragmentsFrame:
		return s.stepFragments(top)
	case itemFrame:
		return s.stepElement(top)
	}
	if s.src.ended() {
		if err := s.src.failure(); err != nil {
			return fmt.Errorf("read data set: %w", err)
		}
		return io.EOF
	}
	return s.stepElement(top)
}

// endOf tells which token ends a frame.
var endOf = [...]Kind{sequenceFrame: SequenceEnd, itemFrame: ItemEnd, fragmentsFrame: FragmentsEnd}

// close ends the innermost frame.
func (s *Scanner) close(kind frameKind) error {
	s.stack = s.stack[:len(s.stack)-1]
	s.token.Depth = s.depth()
	s.token.Kind = endOf[kind]
	return nil
}

// stepSequence expects an item, or the end of the sequence.
func (s *Scanner) stepSequence(top *frame) error {
	if err := s.readItemHeader(top); err != nil {
		return err
	}
	switch s.token.Tag {
	case sequenceDelimiter:
		return s.closeAtDelimiter(top)
	case itemTag:
		s.token.Kind = ItemStart
		return s.open(itemFrame, top.explicit, top.big)
	}
	return s.malformed("something other than an item in a sequence")
}

// stepFragments expects a fragment, or the end of the pixel data.
func (s *Scanner) stepFragments(top *frame) error {
	if err := s.readItemHeader(top); err != nil {
		return err
	}
	switch {
	case s.token.Tag == sequenceDelimiter:
		return s.closeAtDelimiter(top)
	case s.token.Tag != itemTag:
		return s.malformed("something other than a fragment in encapsulated pixel data")
	case s.token.Length == UndefinedLength:
		return s.malformed("a fragment of undefined length")
	}
	s.token.Kind = FragmentToken
	return s.openValue()
}

// closeAtDelimiter ends a frame at the delimiter just read. Its length field says nothing (PS3.5 §7.5.1); some writers
// put a delimiter at the end of a counted sequence as well, which does no harm when it fills the count.
func (s *Scanner) closeAtDelimiter(top *frame) error {
	if top.counted && s.src.offset() != top.limit {
		return s.malformed("a delimiter before the end of what is counted by length")
	}
	return s.close(top.kind)
}

// stepElement expects an element of a data set, or the end of the item that it is in.
func (s *Scanner) stepElement(top *frame) error {
	if err := s.readElementHeader(top); err != nil {
		return err
	}
	t := &s.token
	switch {
	case t.Tag == itemDelimiter && top.kind == itemFrame:
		return s.closeAtDelimiter(top)
	case t.Tag.Group() == delimiterGroup:
		return s.malformed("an item or delimiter outside a sequence")
	case t.Tag == 0 && t.Length != 4:
		return s.malformed("zeros in place of an element")
	case t.Length == UndefinedLength:
		return s.openUndefined(top)
	case t.VR == SQ && (top.explicit || s.beginsWithItem(top)):
		t.Kind = SequenceStart
		return s.open(sequenceFrame, top.explicit, top.big)
	case t.VR == SQ:
		t.VR = UN
	}
	t.Kind = ElementToken
	return s.openValue()
}

// beginsWithItem reports whether the sequence that the dictionary promises is one: empty, or with an item first.
// Implicit VR cannot say so itself, and archives hold attributes that changed their VR.
func (s *Scanner) beginsWithItem(top *frame) bool {
	if s.token.Length == 0 {
		return true
	}
	begin := s.src.peek(4)
	return len(begin) == 4 && tagAt(begin, top.big) == itemTag
}

// openUndefined opens a value of undefined length: fragments, or a sequence, which is encoded in implicit VR little
// endian where its VR is UN (PS3.5 §6.2.2 note 2).
func (s *Scanner) openUndefined(top *frame) error {
	t := &s.token
	switch {
	case t.Tag == PixelData:
	case t.VR == SQ, !top.explicit:
		t.Kind, t.VR = SequenceStart, SQ
		return s.open(sequenceFrame, top.explicit, top.big)
	case t.VR == UN && s.header[4] == 'U' && s.header[5] == 'N':
		t.Kind = SequenceStart
		return s.open(sequenceFrame, false, false)
	case t.VR == UT, t.VR == UC, t.VR == UR:
		return s.malformed("text of undefined length")
	}
	t.Kind = FragmentsStart
	return s.open(fragmentsFrame, top.explicit, top.big)
}

// open pushes a frame for the token just read.
func (s *Scanner) open(kind frameKind, explicit, big bool) error {
	if kind != itemFrame && s.depth() >= MaxDepth {
		return s.malformed("sequences nested too deep")
	}
	f := frame{kind: kind, explicit: explicit, big: big, limit: s.top().limit}
	if s.token.Length != UndefinedLength {
		f.counted = true
		end := s.src.offset() + int64(s.token.Length)
		if end > f.limit {
			return s.overrun()
		}
		f.limit = end
	}
	s.stack = append(s.stack, f)
	return nil
}

// openValue makes the value of the token just read available.
func (s *Scanner) openValue() error {
	s.value = int64(s.token.Length)
	if s.src.offset()+s.value > s.top().limit {
		return s.overrun()
	}
	return nil
}

// overrun tells a length that is more than what encloses it has left. At the top that is the end of the data.
func (s *Scanner) overrun() error {
	err := s.malformed("a length that runs past what encloses it")
	err.Cut = s.top().limit == s.stack[0].limit
	return err
}

func (s *Scanner) malformed(why string) *MalformedError {
	return &MalformedError{Offset: s.token.Offset, Tag: s.token.Tag, Why: why}
}
