package dataset

import (
	"bytes"
	"io"
)

// recorder keeps what is read through it.
type recorder struct {
	r      io.Reader
	chunks [][]byte
	size   int
	err    error
}

// firstRead is how much Peek reads at first: the header of most images, and little to copy.
const firstRead = 8 << 10

// Read reads from the reader below, and keeps a copy.
func (r *recorder) Read(p []byte) (int, error) {
	if r.size == 0 {
		p = p[:min(len(p), firstRead)]
	}
	n, err := r.r.Read(p)
	r.keep(p[:n])
	r.err = err
	return n, err
}

// keep appends b to the last chunk, or opens another: as large as all before it, within reason.
func (r *recorder) keep(b []byte) {
	r.size += len(b)
	if last := len(r.chunks) - 1; last >= 0 {
		room := min(cap(r.chunks[last])-len(r.chunks[last]), len(b))
		r.chunks[last] = append(r.chunks[last], b[:room]...)
		b = b[room:]
	}
	if len(b) > 0 {
		chunk := make([]byte, 0, max(len(b), min(r.size, bufferSize)))
		r.chunks = append(r.chunks, append(chunk, b...))
	}
}

// replay reads what was kept, then the rest. It has no WriteTo, for which see replayer.
func (r *recorder) replay() io.Reader {
	readers := make([]io.Reader, 0, len(r.chunks)+1)
	for _, chunk := range r.chunks {
		readers = append(readers, bytes.NewReader(chunk))
	}
	switch r.err {
	case nil:
		readers = append(readers, r.r)
	case io.EOF:
	default:
		readers = append(readers, failing{r.err})
	}
	return struct{ io.Reader }{io.MultiReader(readers...)}
}

// failing is a reader that fails.
type failing struct{ err error }

// Read returns the failure.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
