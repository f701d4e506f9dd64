package dataset

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"io"
)

// What a deflated data set may come to: enough for any image, little enough that a bomb is over within the second.
const (
	freeInflation = 64 << 20
	maxInflation  = 128 // bytes out of one byte in, beyond the free ones
)

// inflater inflates a data set (PS3.5 §A.5) within bounds. Its zero value takes memory when it is first used.
type inflater struct {
	raw   *bufio.Reader
	count counter
	flate io.ReadCloser
	out   int64
}

// counter counts what passes through a reader.
type counter struct {
	r io.Reader
	n int64
}

// Read reads from the reader below.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// reset begins with another stream.
func (i *inflater) reset(r io.Reader) io.Reader {
	i.count, i.out = counter{r: r}, 0
	if i.flate == nil {
		i.raw = bufio.NewReader(&i.count)
		i.flate = flate.NewReader(i.raw)
		return i
	}
	i.raw.Reset(&i.count)
	// Reset of a flate reader cannot fail.
	_ = i.flate.(flate.Resetter).Reset(i.raw, nil)
	return i
}

// Read inflates; faults of the compressed stream become a MalformedError.
func (i *inflater) Read(p []byte) (int, error) {
	n, err := i.flate.Read(p)
	i.out += int64(n)
	switch _, corrupt := err.(flate.CorruptInputError); {
	case corrupt:
		err = &MalformedError{Offset: i.out, Why: "the deflated stream is corrupt"}
	case err == io.ErrUnexpectedEOF:
		err = &MalformedError{Offset: i.out, Why: "the deflated stream is cut short", Cut: true}
	case i.out > freeInflation+maxInflation*i.consumed():
		err = &MalformedError{Offset: i.out, Why: "the deflated stream inflates beyond all measure"}
	}
	return n, err
}

// consumed is how much of the compressed stream was used.
func (i *inflater) consumed() int64 { return i.count.n - int64(i.raw.Buffered()) }

// gzipTrailer is a checksum and the inflated length, which gzip has behind the deflated stream.
const gzipTrailer = 8

// drain reads what follows the deflated stream: at most one byte of padding. Real archives also hold files whose writer left
// gzip's trailer there.
func (i *inflater) drain() error {
	rest, err := i.raw.Peek(gzipTrailer + 2)
	if err != nil && err != io.EOF {
		return err
	}
	trailer := len(rest) == gzipTrailer || len(rest) == gzipTrailer+1
	if len(rest) > 1 && !(trailer && binary.LittleEndian.Uint32(rest[4:]) == uint32(i.out)) {
		return &MalformedError{Offset: i.out, Why: "bytes behind the end of the deflated stream"}
	}
	_, err = i.raw.Discard(len(rest))
	return err
}
