package fetch

import (
	"context"
	"errors"
	"io"
	"time"
)

// Store is a place that the settings name.
type Store struct {
	Name string // as it stands before the colon of a location
	At   string // a folder, or file:///folder
}

// Stores are the places that attachments are fetched from.
type Stores struct{}

// Open prepares the stores; it fails for a place of a kind that is not
// available, and for a local folder that is not there.
func Open(stores []Store) (*Stores, error) { return &Stores{}, nil }

// Names lists the stores in the order of the settings.
func (s *Stores) Names() []string { return nil }

// Check looks whether a store answers.
func (s *Stores) Check(ctx context.Context, name string) error { return nil }

// Fetch opens the file at a location: STORE:path, or a whole URL. The file is
// the caller's to close. Errors are of type *Error.
func (s *Stores) Fetch(ctx context.Context, location string) (*File, error) {
	return nil, errors.New("not built yet")
}

// File is an attachment on its way. It is read once, from its beginning to its
// end; what was expected of it is checked at its end, where Read then returns
// an *Error in place of io.EOF.
type File struct {
	io.ReadCloser
	Size    int64
	ModTime time.Time
}

// Want is what a content must be. The zero value expects nothing.
type Want struct {
	Size   int64  // zero or less: unknown
	SHA256 string // hexadecimal; empty: unknown
	MD5    string
}

// Expect sets what the content must be and returns the file. A size that
// differs already is an error at the first Read.
func (f *File) Expect(want Want) *File { return f }
