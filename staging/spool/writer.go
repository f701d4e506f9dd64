package spool

import (
	"crypto/sha256"
	"encoding/hex"
	gohash "hash"
	"io"
	"os"
	"sync"
)

// Writer takes content in and digests it. It belongs to one goroutine; exactly
// one of Commit, CommitAs and Abort ends it, and Abort after the others does
// nothing.
type Writer struct {
	spool       *Spool
	group, name string

	digest gohash.Hash
	size   int64
	chunks [][]byte // while the content is in memory
	file   *os.File // once it is not
	left   int64    // bytes that may be written before the disk is asked for room again
	closed bool     // the file is
	err    error    // the first failure sticks
}

var (
	_ io.Writer     = (*Writer)(nil)
	_ io.ReaderFrom = (*Writer)(nil)
)

// Create begins to take content in. It is visible once it is committed.
func (s *Spool) Create(group, name string) (*Writer, error) {
	return &Writer{spool: s, group: group, name: name, digest: sha256.New()}, nil
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) && w.err == nil {
		var n int
		if room := w.room(); room != nil {
			n = copy(room, p[written:])
		} else if w.err == nil {
			n, w.err = w.append(p[written:])
			w.err = diskError("spool: write "+w.name+" of "+w.group, w.err)
		}
		w.took(p[written : written+n])
		written += n
	}
	return written, w.err
}

// ReadFrom implements io.ReaderFrom: what fits in memory is read right into its
// place. The reader stays the caller's.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	before := w.size
	for w.err == nil {
		room := w.room()
		if room == nil {
			break
		}
		n, err := r.Read(room)
		w.took(room[:n])
		if err == io.EOF {
			return w.size - before, nil
		}
		if err != nil {
			return w.size - before, err
		}
	}
	if w.err == nil {
		buffer := copyBuffers.Get().(*[]byte)
		defer copyBuffers.Put(buffer)
		_, err := io.CopyBuffer(writeOnly{w}, r, *buffer)
		return w.size - before, err
	}
	return w.size - before, w.err
}

// writeOnly hides ReadFrom from io.CopyBuffer, which would come back to it.
type writeOnly struct{ io.Writer }

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 4*chunkSize); return &b }}

// took accounts for bytes that have found their place.
func (w *Writer) took(p []byte) {
	w.digest.Write(p) // never fails
	w.size += int64(len(p))
}

// room returns free memory for the next bytes, or nil where they go to the
// file. Content that the budget has no more room for moves to a file whole.
func (w *Writer) room() []byte {
	if w.file != nil || w.err != nil {
		return nil
	}
	if used := w.size % chunkSize; used > 0 || int64(len(w.chunks))*chunkSize > w.size {
		return w.chunks[len(w.chunks)-1][used:]
	}
	if chunk := w.spool.memory.take(); chunk != nil {
		w.chunks = append(w.chunks, chunk)
		return chunk
	}
	w.err = diskError("spool: move "+w.name+" of "+w.group+" to disk", w.spill())
	return nil
}

// append writes to the file, while the disk has room for it.
func (w *Writer) append(p []byte) (int, error) {
	if w.left -= int64(len(p)); w.left < 0 {
		if err := w.spool.room(); err != nil {
			return 0, err
		}
		w.left = askRoomEvery - int64(len(p))
	}
	return w.file.Write(p)
}

// spill moves the content from memory to a file and gives its memory back.
func (w *Writer) spill() (err error) {
	if w.file, err = w.spool.files.create(); err != nil {
		return err
	}
	left := w.size
	for _, chunk := range w.chunks {
		part := chunk[:min(left, chunkSize)]
		if _, err := w.append(part); err != nil {
			return err
		}
		left -= int64(len(part))
	}
	w.spool.memory.give(w.chunks)
	w.chunks = nil
	return nil
}

// Commit makes the content visible under its name. The same content twice is
// kept once. Other content under the same name is a *ConflictError: the first
// stays, and this writer's may still be committed under another name.
func (w *Writer) Commit() (Blob, error) { return w.CommitAs(w.name) }

// CommitAs is Commit under another name of the same group.
func (w *Writer) CommitAs(name string) (Blob, error) {
	if w.err != nil {
		return Blob{}, w.err
	}
	if w.file != nil && !w.closed {
		w.closed = true
		if w.err = diskError("spool: close "+name+" of "+w.group, w.file.Close()); w.err != nil {
			return Blob{}, w.err
		}
	}
	blob := Blob{Group: w.group, Name: name, Size: w.size, SHA256: hex.EncodeToString(w.digest.Sum(nil))}
	kept, err := w.spool.commit(w, blob)
	if err != nil {
		return Blob{}, err
	}
	if kept {
		w.chunks, w.file = nil, nil // they are the spool's now
	}
	w.discard()
	w.err = ErrEnded
	return blob, nil
}

// Abort forgets the content.
func (w *Writer) Abort() error {
	if w.err == ErrEnded {
		return nil
	}
	w.discard()
	w.err = ErrEnded
	return nil
}

// discard gives back what the writer still holds. A temporary file that cannot
// be removed is swept at the next start.
func (w *Writer) discard() {
	w.spool.memory.give(w.chunks)
	w.chunks = nil
	if w.file != nil {
		if !w.closed {
			w.file.Close()
		}
		os.Remove(w.file.Name())
		w.file = nil
	}
}

// commit enters a writer's content and reports whether it was kept: not where
// the same content was here already.
func (s *Spool) commit(w *Writer, blob Blob) (bool, error) {
	group, name := hash(blob.Group), hash(blob.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.groups[group][name]; have != nil {
		switch have.sha256 {
		case blob.SHA256:
			s.used[group] = true
			return false, nil
		case "": // of an earlier process, and nobody knows whether it is whole
			s.drop(group, name)
			if err := s.files.remove(group, name); err != nil {
				return false, diskError("spool: replace "+blob.Name+" of "+blob.Group, err)
			}
		default:
			s.used[group] = true
			return false, &ConflictError{Kept: have.blob(blob.Group, blob.Name), Refused: blob}
		}
	}
	if w.file != nil {
		if err := s.files.publish(w.file.Name(), group, name); err != nil {
			return false, diskError("spool: commit "+blob.Name+" of "+blob.Group, err)
		}
	}
	s.put(group, name, &entry{size: blob.Size, sha256: blob.SHA256, inFile: w.file != nil, chunks: w.chunks})
	s.used[group] = true
	return true, nil
}
