package dataset

import (
	"encoding/binary"
	"fmt"
)

// readItemHeader reads the tag and length of an item or delimiter, which never have a VR (PS3.5 §7.5).
func (s *Scanner) readItemHeader(top *frame) error {
	b, err := s.take(8, top)
	if err != nil {
		return err
	}
	s.token.Tag = tagAt(b, top.big)
	s.token.Length = uint32At(b[4:], top.big)
	return nil
}

// readElementHeader reads the tag, VR and length of an element (PS3.5 §7.1.2 and §7.1.3).
func (s *Scanner) readElementHeader(top *frame) error {
	b, err := s.take(8, top)
	if err != nil {
		return err
	}
	t := &s.token
	t.Tag = tagAt(b, top.big)
	if !top.explicit || t.Tag.Group() == delimiterGroup {
		t.Length = uint32At(b[4:], top.big)
		t.VR = UN
		if t.Tag.Group() != delimiterGroup {
			t.VR = s.dict.vr(t.Tag, t.Offset)
		}
		return nil
	}
	vr, known := knownVR(b[4], b[5])
	if long := known && vr.hasLongForm() || !known && isUpper(b[4]) && isUpper(b[5]); !long {
		t.Length = uint32(uint16At(b[6:], top.big))
	} else if b, err = s.take(4, top); err == nil {
		t.Length = uint32At(b, top.big)
	}
	t.VR = vr
	if !known {
		t.VR = UN
	}
	return err
}

// take consumes n bytes and appends them to the header of the current token.
func (s *Scanner) take(n int, top *frame) ([]byte, error) {
	b := s.src.peek(n)
	if len(b) < n {
		if err := s.src.failure(); err != nil {
			return nil, fmt.Errorf("read data set: %w", err)
		}
		err := s.malformed("the data ends inside a header")
		err.Cut = true
		return nil, err
	}
	if s.src.offset()+int64(n) > top.limit {
		return nil, s.malformed("a header that runs past what encloses it")
	}
	taken := s.header[s.length : s.length+n]
	copy(taken, b)
	s.length += n
	s.src.lo += n
	return taken, nil
}

func tagAt(b []byte, big bool) Tag {
	return NewTag(uint16At(b, big), uint16At(b[2:], big))
}

func uint16At(b []byte, big bool) uint16 {
	if big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func uint32At(b []byte, big bool) uint32 {
	if big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}
