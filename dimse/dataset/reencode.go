package dataset

import (
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"math"

	"pacsbridge/dimse/uid"
)

// Reencode reads the data set in r, whose transfer syntax is from, and writes it to w in transfer syntax to. Both must be
// implicit, explicit or deflated explicit VR little endian: then no value changes. Between implicit and explicit VR, sequences
// and items are written with delimiters, and group lengths, which have become wrong and are retired (PS3.5 §7.2), are left
// out. A VR that the dictionary does not know is written as UN, and so is a value too long for its VR's length field.
func Reencode(w io.Writer, r io.Reader, from, to string) error {
	for _, ts := range []string{from, to} {
		if ts != uid.ImplicitLE && ts != uid.ExplicitLE && ts != uid.DeflatedLE {
			return fmt.Errorf("re-encode from %s to %s: %w", from, to, ErrSyntax)
		}
	}
	source, _ := uid.SyntaxOf(from)
	target, _ := uid.SyntaxOf(to)
	scan := acquire(r, source)
	defer scan.release()
	out := newOutput(w, target)
	re := reencoder{scan: scan, out: out, verbatim: source.Explicit == target.Explicit}
	re.encoder.syntax = target
	if err := re.run(); err != nil {
		return fmt.Errorf("re-encode from %s to %s: %w", from, to, err)
	}
	return out.Close()
}

// reencoder writes what its scanner meets in another syntax.
type reencoder struct {
	scan     *Scanner
	out      io.Writer
	encoder  encoder
	header   []byte
	verbatim bool // both syntaxes write elements alike
	signed   bool // pixels are signed numbers, and so is what is measured in them
}

func (re *reencoder) run() error {
	for {
		token, err := re.scan.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := re.write(token); err != nil {
			return err
		}
	}
}

// write writes one token with its value.
func (re *reencoder) write(token Token) error {
	if re.verbatim {
		return copyToken(re.out, re.scan)
	}
	header, e, err := re.header[:0], re.encoder, error(nil)
	switch token.Kind {
	case ElementToken:
		if token.Tag.Element() == 0 {
			return nil
		}
		header, err = e.header(header, token.Tag, re.vr(token), uint64(token.Length))
	case SequenceStart:
		header, err = e.header(header, token.Tag, SQ, UndefinedLength)
	case ItemStart:
		header = e.bare(header, itemTag, UndefinedLength)
	case ItemEnd:
		header = e.bare(header, itemDelimiter, 0)
	case SequenceEnd:
		header = e.bare(header, sequenceDelimiter, 0)
	default:
		err = fmt.Errorf("element %s: %w", token.Tag, ErrFragments)
	}
	re.header = header
	if err == nil {
		_, err = re.out.Write(header)
	}
	if err != nil {
		return err
	}
	return re.value(token)
}

// value copies the current value. Whether pixels are signed is read on the way.
func (re *reencoder) value(token Token) error {
	if token.Tag != PixelRepresentation || token.Depth > 0 || token.Length != 2 {
		_, err := re.scan.WriteValue(re.out)
		return err
	}
	value, err := re.scan.AppendValue(nil)
	if err != nil {
		return err
	}
	re.signed = value[0] == 1
	_, err = re.out.Write(value)
	return err
}

// vr is the VR under which an element is written.
func (re *reencoder) vr(token Token) VR {
	switch {
	case token.VR == US && re.signed && measuredInPixels(token.Tag):
		return SS
	case token.Length > math.MaxUint16 && !token.VR.hasLongForm():
		return UN // PS3.5 §6.2.2 note 1
	}
	return token.VR
}

// measuredInPixels reports whether a value of tag is a pixel's value, which is "US or SS" in the dictionary of PS3.6: signed
// when pixels are.
func measuredInPixels(tag Tag) bool {
	switch tag {
	case 0x00280106, 0x00280107, 0x00280108, 0x00280109, // smallest and largest in image and series
		0x00280110, 0x00280111, 0x00280120, 0x00280121, // in plane; padding
		0x00281101, 0x00281102, 0x00281103, 0x00283002, // descriptors of lookup tables
		0x00280104, 0x00280105, 0x00221452, // valid values, mapped value
		0x00409211, 0x00409216, // last and first mapped to real world values
		0x00603004, 0x00603006: // first and last bin of a histogram
		return true
	}
	return false
}

// copyToken copies the current token as it stands.
func copyToken(w io.Writer, scan *Scanner) error {
	if _, err := w.Write(scan.Header()); err != nil {
		return err
	}
	_, err := scan.WriteValue(w)
	return err
}

// output is a buffered writer that deflates where the syntax asks for it, and is closed at the end.
type output struct {
	*bufio.Writer
	deflater *flate.Writer
	count    counting
}

// counting counts what passes through a writer.
type counting struct {
	w io.Writer
	n int64
}

// Write writes to the writer below.
func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func newOutput(w io.Writer, syntax uid.Syntax) *output {
	out := &output{count: counting{w: w}}
	if !syntax.Deflated {
		out.Writer = bufio.NewWriter(&out.count)
		return out
	}
	// The level is a valid one, so there is no error.
	out.deflater, _ = flate.NewWriter(&out.count, flate.DefaultCompression)
	out.Writer = bufio.NewWriter(out.deflater)
	return out
}

// Close writes what is still held back, and the padding of a deflated data set (PS3.5 §A.5).
func (o *output) Close() error {
	err := o.Flush()
	if o.deflater == nil || err != nil {
		return err
	}
	if err = o.deflater.Close(); err == nil && o.count.n%2 == 1 {
		_, err = o.count.Write([]byte{0})
	}
	return err
}
