package nondicom

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Object is a DICOM object made here. Its data set is a stream that can be
// read once: the content it was made of is not held in memory.
type Object struct {
	SOPClass, SOPInstance string
	StudyUID, SeriesUID   string
	TransferSyntax        string
	Size                  int64 // of the data set, in bytes

	head, tail []byte
	content    io.Reader // between the two; nil when there is none
	length     int64     // of the content
}

// Reader returns the data set, without preamble and File Meta Information. It
// fails when the content is not as long as was said. It can be asked for once.
func (o *Object) Reader() io.Reader {
	if o.content == nil {
		return bytes.NewReader(o.head)
	}
	exact := &exactReader{from: o.content, left: o.length}
	return io.MultiReader(bytes.NewReader(o.head), exact, bytes.NewReader(o.tail))
}

// WriteTo writes the data set. It implements io.WriterTo.
func (o *Object) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, o.Reader()) }

var _ io.WriterTo = (*Object)(nil)

// UnsupportedError says that no DICOM object is made of this content.
type UnsupportedError struct {
	Kind string // what it is: a media type
	Why  string
}

// Error names the kind and the reason.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("no DICOM object can be made of this %s: %s", e.Kind, e.Why)
}

// Temporary is false: the same content will not do later.
func (e *UnsupportedError) Temporary() bool { return false }

// source is the content that an object is made of, whole and checked.
type source struct {
	content io.Reader
	size    int64
	digest  string // SHA-256, hexadecimal
}

// maxElement is the longest even value an element or a fragment can have: one
// less is the mark of undefined length (PS3.5 §7.1.1).
const maxElement = 0xFFFFFFFE

// check refuses sizes that cannot be written.
func (s source) check(kind string) error {
	switch {
	case s.size <= 0:
		return &UnsupportedError{Kind: kind, Why: "the content is empty"}
	case s.size > maxElement:
		return &UnsupportedError{Kind: kind, Why: "the content is longer than an element can be (4 GiB)"}
	}
	return nil
}

// padding makes the length of a content even (PS3.5 §7.1.1).
func (s source) padding() []byte { return make([]byte, s.size%2) }

// around makes the object of its attributes and its content, which stands in
// the element at: opening before it, closing behind it.
func (o *Object) around(a *attributes, at tag.Tag, opening []byte, s source, closing []byte) (*Object, error) {
	below, from, err := a.encode(at)
	if err != nil {
		return nil, err
	}
	o.head = append(below, opening...)
	o.tail = append(append(s.padding(), closing...), from...)
	o.content, o.length = s.content, s.size
	o.Size = int64(len(o.head)) + s.size + int64(len(o.tail))
	return o, nil
}

// exactReader reads as many bytes as were said, and fails when there are fewer
// or more.
type exactReader struct {
	from io.Reader
	left int64
}

// errTooLong is what a content answers that goes on behind its end.
var errTooLong = errors.New("content is longer than was said")

func (r *exactReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, r.end()
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.from.Read(p)
	r.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && r.left > 0:
		return n, fmt.Errorf("content is shorter than was said: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		err = nil // the next call looks behind the end
	}
	return n, err
}

// end looks whether anything follows.
func (r *exactReader) end() error {
	var one [1]byte
	if n, err := io.ReadFull(r.from, one[:]); n > 0 {
		return errTooLong
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return io.EOF
}
