package spool

import (
	"errors"
	"io"
	"io/fs"
)

// chunkReader reads content in memory where it lies.
type chunkReader struct {
	spool  *Spool
	entry  *entry
	offset int64
	closed bool
}

var (
	_ io.ReadSeekCloser = (*chunkReader)(nil)
	_ io.WriterTo       = (*chunkReader)(nil)
)

// next returns the bytes from the offset to the end of their chunk.
func (r *chunkReader) next() []byte {
	if r.offset >= r.entry.size {
		return nil
	}
	chunk, from := r.entry.chunks[r.offset/chunkSize], r.offset%chunkSize
	return chunk[from:min(chunkSize, from+r.entry.size-r.offset)]
}

// Read implements io.Reader.
func (r *chunkReader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := copy(p, r.next())
	if n == 0 {
		return 0, io.EOF
	}
	r.offset += int64(n)
	return n, nil
}

// WriteTo implements io.WriterTo: the chunks go out without being copied.
func (r *chunkReader) WriteTo(w io.Writer) (int64, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	written := int64(0)
	for part := r.next(); len(part) > 0; part = r.next() {
		n, err := w.Write(part)
		r.offset += int64(n)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Seek implements io.Seeker.
func (r *chunkReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.entry.size
	default:
		return 0, errors.New("spool: seek: unknown whence")
	}
	if r.closed || offset < 0 {
		return 0, errors.New("spool: seek: closed, or before the start")
	}
	r.offset = offset
	return offset, nil
}

// Close lets go of the content.
func (r *chunkReader) Close() error {
	r.spool.mu.Lock()
	defer r.spool.mu.Unlock()
	if r.closed {
		return fs.ErrClosed
	}
	r.closed = true
	r.entry.readers--
	r.spool.release(r.entry)
	return nil
}
