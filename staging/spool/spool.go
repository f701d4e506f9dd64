package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
)

// Options say where the spool is and how much of it stays in memory.
type Options struct {
	Dir    string       // made where it does not exist
	Memory int64        // bytes over everything held in memory; 0 holds nothing there
	Logger *slog.Logger // nil: slog.Default
	// Disk tells how many bytes of the disk are free, and how many it has; nil: what
	// the system says of Dir. The last of them are left to others, such as the ledger.
	Disk func() (free, size int64, err error)
}

// Spool is a cache of content on its way. It is safe for use by several
// goroutines.
type Spool struct {
	files  files
	memory *memory
	log    *slog.Logger
	lock   *os.File
	disks  func() (free, size int64, err error)

	mu     sync.Mutex
	groups map[string]map[string]*entry // by the hashes of group and name
	used   map[string]bool              // groups that were read or written since Retain began last
	disk   int64
	blobs  int
}

// Blob describes whole content in the spool.
type Blob struct {
	Group, Name string
	Size        int64
	SHA256      string // "" for a file of an earlier process that was not checked yet
}

// entry is content in the spool: in chunks, or in the file its hashes name.
type entry struct {
	size    int64
	sha256  string // "" until it was read by this process
	inFile  bool
	chunks  [][]byte
	readers int  // of the chunks
	removed bool // the last reader gives the chunks back
}

func (e *entry) blob(group, name string) Blob {
	return Blob{Group: group, Name: name, Size: e.size, SHA256: e.sha256}
}

// Open opens a spool, removes what an earlier process left half written and
// finds what it left whole.
func Open(o Options) (*Spool, error) {
	if o.Dir == "" {
		return nil, errors.New("spool: no folder given")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Disk == nil {
		o.Disk = func() (free, size int64, err error) { return disk(o.Dir) }
	}
	s := &Spool{files: files{dir: o.Dir}, memory: newMemory(o.Memory), log: o.Logger, disks: o.Disk,
		groups: map[string]map[string]*entry{}, used: map[string]bool{}}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, diskError("spool: make the folder", err)
	}
	var err error
	if s.lock, err = lockFolder(o.Dir); err != nil {
		return nil, fmt.Errorf("spool %s: %w", o.Dir, err)
	}
	if err := errors.Join(s.files.sweep(), s.files.walk(s.adopt)); err != nil {
		return nil, errors.Join(diskError("spool: look through the folder", err), s.lock.Close())
	}
	return s, nil
}

// adopt enters a file of an earlier process.
func (s *Spool) adopt(group, name string, size int64) {
	s.put(group, name, &entry{size: size, inFile: true})
}

// put enters content; s.mu is held, or nobody else knows the spool yet.
func (s *Spool) put(group, name string, e *entry) {
	if s.groups[group] == nil {
		s.groups[group] = map[string]*entry{}
	}
	s.groups[group][name] = e
	s.blobs++
	if e.inFile {
		s.disk += e.size
	}
}

// drop takes content out of the books, and gives its chunks back once nobody
// reads them; s.mu is held.
func (s *Spool) drop(group, name string) {
	e := s.groups[group][name]
	if e == nil {
		return
	}
	delete(s.groups[group], name)
	if len(s.groups[group]) == 0 {
		delete(s.groups, group)
		delete(s.used, group)
	}
	s.blobs--
	if e.inFile {
		s.disk -= e.size
	}
	e.removed = true
	s.release(e)
}

// release gives the chunks of removed content back; s.mu is held.
func (s *Spool) release(e *entry) {
	if e.removed && e.readers == 0 {
		s.memory.give(e.chunks)
		e.chunks = nil
	}
}

// Has reports whether the spool holds content under a name.
func (s *Spool) Has(group, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups[hash(group)][hash(name)] != nil
}

// Open opens content for reading; the caller closes it. What is removed
// meanwhile can be read to its end. The error is fs.ErrNotExist where there is
// no such content.
func (s *Spool) Open(group, name string) (io.ReadSeekCloser, Blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.groups[hash(group)][hash(name)]
	if e == nil {
		return nil, Blob{}, fmt.Errorf("spool: open %s of %s: %w", name, group, fs.ErrNotExist)
	}
	s.used[hash(group)] = true
	if !e.inFile {
		e.readers++
		return &chunkReader{spool: s, entry: e}, e.blob(group, name), nil
	}
	f, err := os.Open(s.files.path(hash(group), hash(name)))
	if err != nil {
		return nil, Blob{}, diskError("spool: open "+name+" of "+group, err)
	}
	return f, e.blob(group, name), nil
}

// Usage is what the spool takes up now.
type Usage struct {
	Memory int64 // what is being written included
	Disk   int64 // of whole content
	Blobs  int
}

// Usage tells what the spool takes up now.
func (s *Spool) Usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{Memory: s.memory.inUse(), Disk: s.disk, Blobs: s.blobs}
}

// Close lets go of the folder. Files stay for the next process; what is in
// memory is forgotten, since OLD still has it.
func (s *Spool) Close() error {
	s.memory.release()
	return s.lock.Close()
}
