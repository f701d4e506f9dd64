package bridge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// fingerprint is what a data set says, attribute by attribute, without the values:
// two of them tell which attributes differ, however the data sets were encoded.
type fingerprint struct {
	SHA256         string // of the bytes as they came
	Bytes          int64
	TransferSyntax string
	attributes     map[string]valuePrint // by path
	pixels         string                // SHA-256 of the pixel data's values; "" without any
	pixelBytes     int64                 // their length, where they are not compressed
	encapsulated   bool                  // the pixel data are compressed
	content        string                // SHA-256 of the document or compressed image it carries
	contentBytes   int64
	malformed      error
}

// valuePrint stands for the value of one attribute.
type valuePrint struct {
	text         bool // padding at its end says nothing
	unknown      bool // UN: it may be text
	length       int64
	raw, trimmed [sha256.Size]byte
}

// equal compares two values. Padding of text, and the one byte that makes a value of
// unknown representation even, is not compared (PS3.5 §6.2).
func (v valuePrint) equal(other valuePrint) bool {
	difference := v.length - other.length
	switch {
	case v.raw == other.raw:
		return true
	case v.text && other.text:
		return v.trimmed == other.trimmed
	case v.unknown || other.unknown:
		return v.trimmed == other.trimmed && -1 <= difference && difference <= 1
	}
	return false
}

// takeFingerprint reads a data set to its end. Of the document or the compressed image
// that it carries the first content bytes are digested apart. The error is the reader's;
// data that are malformed are told in the fingerprint.
func takeFingerprint(r io.Reader, ts string, content int64) (*fingerprint, error) {
	digest := sha256.New()
	counted := &counter{w: digest}
	source := &failing{r: io.TeeReader(r, counted)}
	f := &fingerprint{TransferSyntax: ts, attributes: map[string]valuePrint{}}
	syntax, _ := uid.SyntaxOf(ts)
	p := &printer{f: f, scan: dataset.NewScanner(source, syntax), big: syntax.BigEndian, content: &prefix{hash: sha256.New(), left: content}}
	f.malformed = p.run()
	if source.err == nil {
		_, _ = io.Copy(io.Discard, source)
	}
	if source.err != nil {
		return nil, source.err
	}
	f.SHA256, f.Bytes = hex.EncodeToString(digest.Sum(nil)), counted.n
	f.content, f.contentBytes = hex.EncodeToString(p.content.hash.Sum(nil)), p.content.n
	return f, nil
}

// failing keeps the error of a reader, so that it is not taken for a fault of the data.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// counter counts what goes through to w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return c.w.Write(b)
}

// prefix digests the first bytes of what is written and counts all of them.
type prefix struct {
	hash hash.Hash
	left int64
	n    int64
}

func (p *prefix) Write(b []byte) (int, error) {
	p.n += int64(len(b))
	some := b[:min(int64(len(b)), max(p.left, 0))]
	p.left -= int64(len(some))
	p.hash.Write(some)
	return len(b), nil
}

// printer walks over a data set and takes its fingerprint.
type printer struct {
	f       *fingerprint
	scan    *dataset.Scanner
	big     bool
	content *prefix
	open    []place
	pixels  hash.Hash
	current *fragments // the run of fragments that is open
}

// place is a sequence that is open: its path, and how many of its items were met.
type place struct {
	path  string
	items int
}

// fragments is a value in fragments (PS3.5 §A.4).
type fragments struct {
	path   string
	pixels bool
	n      int
	hash   hash.Hash
	length int64
}

// The elements whose values are pixels.
const (
	floatPixelData       = dataset.Tag(0x7FE00008)
	doubleFloatPixelData = dataset.Tag(0x7FE00009)
	encapsulatedDocument = dataset.Tag(0x00420011)
	trailingPadding      = dataset.Tag(0xFFFCFFFC)
)

// run goes over all tokens. What is left out says nothing of the content: group lengths
// and the padding behind the data set (PS3.5 §7.2, PS3.10 §7.2).
func (p *printer) run() error {
	for {
		token, err := p.scan.Next()
		if err == io.EOF {
			if p.pixels != nil {
				p.f.pixels = hex.EncodeToString(p.pixels.Sum(nil))
			}
			return nil
		}
		if err == nil {
			err = p.take(token)
		}
		if err != nil {
			return err
		}
	}
}

func (p *printer) take(token dataset.Token) error {
	switch token.Kind {
	case dataset.SequenceStart:
		p.open = append(p.open, place{path: p.path(token.Tag)})
	case dataset.ItemStart:
		p.open[len(p.open)-1].items++
	case dataset.SequenceEnd:
		closed := p.open[len(p.open)-1]
		p.open = p.open[:len(p.open)-1]
		sum := sha256.Sum256([]byte(strconv.Itoa(closed.items) + " items"))
		p.f.attributes[closed.path] = valuePrint{raw: sum, trimmed: sum}
	case dataset.FragmentsStart:
		p.begin(token)
	case dataset.FragmentToken:
		return p.fragment()
	case dataset.FragmentsEnd:
		p.end()
	case dataset.ElementToken:
		return p.element(token)
	}
	return nil
}

// path names an attribute at the place where the scanner is.
func (p *printer) path(tag dataset.Tag) string {
	if len(p.open) == 0 {
		return tagName(tag)
	}
	around := p.open[len(p.open)-1]
	return around.path + "[" + strconv.Itoa(around.items-1) + "]." + tagName(tag)
}

// tagName is an attribute's keyword, or its number where it has none.
func tagName(tag dataset.Tag) string {
	if keyword := dataset.Keyword(tag); keyword != "" {
		return keyword
	}
	return tag.String()
}

func (p *printer) isPixels(tag dataset.Tag) bool {
	return len(p.open) == 0 && (tag == dataset.PixelData || tag == floatPixelData || tag == doubleFloatPixelData)
}

// begin opens a value in fragments.
func (p *printer) begin(token dataset.Token) {
	p.current = &fragments{path: p.path(token.Tag), pixels: p.isPixels(token.Tag), hash: sha256.New()}
	if p.current.pixels {
		p.f.encapsulated, p.pixels = true, p.current.hash
	}
}

// fragment digests one fragment. The first is the offset table: it says how the others
// are cut, which an archive may do anew.
func (p *printer) fragment() error {
	r := p.current
	if r.n++; r.n == 1 {
		return nil
	}
	w := io.Writer(r.hash)
	if r.pixels {
		w = io.MultiWriter(r.hash, p.content)
	}
	n, err := p.scan.WriteValue(w)
	r.length += n
	return err
}

func (p *printer) end() {
	r := p.current
	if p.current = nil; !r.pixels {
		sum := [sha256.Size]byte(r.hash.Sum(nil))
		p.f.attributes[r.path] = valuePrint{length: r.length, raw: sum, trimmed: sum}
	}
}

// trimmedValues is the length up to which a value is held in memory, so that its padding
// can be left out. Longer text is compared with its padding.
const trimmedValues = 64 << 10

// mostAttributes bounds the memory that a fingerprint takes.
const mostAttributes = 1 << 20

func (p *printer) element(token dataset.Token) error {
	if token.Tag.Element() == 0 || token.Tag == trailingPadding {
		return nil
	}
	if p.isPixels(token.Tag) {
		p.pixels = sha256.New()
		n, err := p.scan.WriteValue(p.native(p.pixels, token.VR))
		p.f.pixelBytes = n
		return err
	}
	whole := sha256.New()
	short := &bytes.Buffer{}
	writers := []io.Writer{whole}
	if token.Length <= trimmedValues {
		writers = append(writers, short)
	}
	if len(p.open) == 0 && token.Tag == encapsulatedDocument {
		writers = append(writers, p.content)
	}
	length, err := p.scan.WriteValue(p.native(io.MultiWriter(writers...), token.VR))
	if err != nil {
		return err
	}
	if len(p.f.attributes) >= mostAttributes {
		return errors.New("too many attributes to compare")
	}
	path := p.path(token.Tag)
	if _, twice := p.f.attributes[path]; twice {
		return fmt.Errorf("attribute %s stands there twice", path)
	}
	v := valuePrint{text: isText(token.VR), unknown: token.VR == dataset.UN, length: length, raw: [sha256.Size]byte(whole.Sum(nil))}
	v.trimmed = v.raw
	if token.Length <= trimmedValues {
		v.trimmed = sha256.Sum256(bytes.TrimRight(short.Bytes(), " \x00"))
	}
	p.f.attributes[path] = v
	return nil
}

// native turns numbers of a big endian data set round on their way to w.
func (p *printer) native(w io.Writer, vr dataset.VR) io.Writer {
	if unit := unitOf(vr); p.big && unit > 1 {
		return &turner{w: w, unit: unit}
	}
	return w
}

// turner reverses the bytes of each number.
type turner struct {
	w    io.Writer
	unit int
	part []byte
}

func (t *turner) Write(b []byte) (int, error) {
	t.part = append(t.part, b...)
	whole := len(t.part) / t.unit * t.unit
	for at := 0; at < whole; at += t.unit {
		for i, j := at, at+t.unit-1; i < j; i, j = i+1, j-1 {
			t.part[i], t.part[j] = t.part[j], t.part[i]
		}
	}
	if _, err := t.w.Write(t.part[:whole]); err != nil {
		return 0, err
	}
	t.part = append(t.part[:0], t.part[whole:]...)
	return len(b), nil
}

// unitOf is how many bytes a number of a value representation has (PS3.5 §7.3).
func unitOf(vr dataset.VR) int {
	switch vr {
	case "US", "SS", "OW", "AT":
		return 2
	case "UL", "SL", "FL", "OF", "OL":
		return 4
	case "FD", "OD", "SV", "UV", "OV":
		return 8
	}
	return 1
}

// isText reports whether values of a representation are padded with spaces or NUL.
func isText(vr dataset.VR) bool {
	switch vr {
	case "AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT":
		return true
	}
	return false
}
