// Package spool keeps the bytes on their way from OLD to NEW.
package spool

import (
	"errors"
	"io"
	"log/slog"
)

var errNotBuilt = errors.New("not built yet")

// ErrFull is returned when the spool's disk has no room.
var ErrFull error = fullError{}

type fullError struct{}

func (fullError) Error() string   { return "the spool is full" }
func (fullError) Temporary() bool { return true }

// ConflictError says that the spool holds other content under the same name.
type ConflictError struct{ Kept, Refused Blob }

func (e *ConflictError) Error() string { return "other content under the same name" }

// Options say where the spool is and how much of it stays in memory.
type Options struct {
	Dir    string
	Memory int64 // bytes over everything held in memory
	Logger *slog.Logger
}

// Spool is a cache of content on its way.
type Spool struct{}

// Blob describes content in the spool.
type Blob struct {
	Group, Name string
	Size        int64
	SHA256      string // "" where it was not yet read after a restart
}

// Usage is what the spool takes up now.
type Usage struct {
	Memory, Disk int64
	Blobs        int
}

// Writer takes content in; exactly one of Commit, CommitAs and Abort ends it.
type Writer struct{}

func Open(o Options) (*Spool, error)                        { return nil, errNotBuilt }
func (s *Spool) Create(group, name string) (*Writer, error) { return nil, errNotBuilt }
func (s *Spool) Open(group, name string) (io.ReadSeekCloser, Blob, error) {
	return nil, Blob{}, errNotBuilt
}                                                               // fs.ErrNotExist
func (s *Spool) Has(group, name string) bool                    { return false }
func (s *Spool) Check(group, name, sha256 string) (bool, error) { return false, errNotBuilt }
func (s *Spool) Remove(group, name string) error                { return errNotBuilt }
func (s *Spool) RemoveGroup(group string) error                 { return errNotBuilt }
func (s *Spool) Retain(groups []string) error                   { return errNotBuilt }
func (s *Spool) Usage() Usage                                   { return Usage{} }
func (s *Spool) Close() error                                   { return errNotBuilt }
func (w *Writer) Write(p []byte) (int, error)                   { return 0, errNotBuilt }
func (w *Writer) ReadFrom(r io.Reader) (int64, error)           { return 0, errNotBuilt }
func (w *Writer) Commit() (Blob, error)                         { return Blob{}, errNotBuilt }
func (w *Writer) CommitAs(name string) (Blob, error)            { return Blob{}, errNotBuilt } // after a *ConflictError
func (w *Writer) Abort() error                                  { return errNotBuilt }
