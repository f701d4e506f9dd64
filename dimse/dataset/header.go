package dataset

import "io"

// DefaultHeaderSize is how far Peek, and ReadHeader without a limit of its own, read into a data set.
const DefaultHeaderSize = 4 << 20

// ReadHeader reads the elements before tag stop from the data set in r.
func ReadHeader(r io.Reader, ts string, stop Tag, max int64) (*Dataset, error) {
	panic("not yet")
}

// Peek reads the elements before tag stop; whole is the data set from its first byte.
func Peek(r io.Reader, ts string, stop Tag) (head *Dataset, whole io.Reader, err error) {
	panic("not yet")
}
