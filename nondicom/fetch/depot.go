package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/object"
)

// Depot is a place that files are put into: a folder, or the URL of a store
// (see Store.At; a plain web server takes no files). It may be used by several
// goroutines.
//
// A file is put under one name and published under another: what stands under
// its last name is whole. Names are paths below the depot's folder, which is
// made where it is missing, except at WebDAV.
type Depot struct{ at *remote }

// OpenDepot prepares a depot; it calls on nobody.
func OpenDepot(at string) (*Depot, error) {
	if !strings.Contains(at, "://") {
		at = "file://" + (&url.URL{Path: at}).EscapedPath()
	}
	u, err := url.Parse(at)
	if err != nil {
		return nil, errors.New("the URL cannot be read") // it may hold a password
	}
	if u.Scheme == "file" {
		return openFolderDepot(u)
	}
	to, err := openPlace(at)
	if err != nil {
		return nil, err
	}
	r, isRemote := to.(*remote)
	if !isRemote || r.backend == "http" {
		return nil, fmt.Errorf("%w: files cannot be put into a plain web server", ErrNotAvailable)
	}
	return &Depot{r}, nil
}

// openFolderDepot takes a folder of this machine, or of a share mounted here.
func openFolderDepot(u *url.URL) (*Depot, error) {
	checked, err := openLocal(u)
	if err != nil {
		return nil, err
	}
	r, err := newRemote("local", u, checked.(*folder).root, nil)
	if err != nil {
		return nil, err
	}
	r.explain = func(err error) *Error { return localError(err).(*Error) }
	return &Depot{r}, nil
}

// Close ends the connections that are kept.
func (d *Depot) Close(ctx context.Context) error { return d.at.close(ctx) }

// known is how much of a content is read before it is put: one that ends
// within it has a known length, which is the cheaper way at most stores.
const known = 1 << 20

// Put writes a file and returns its length. Of a file that could not be written
// nothing is left, as far as the store still answers.
func (d *Depot) Put(ctx context.Context, name string, content io.Reader) (int64, error) {
	head := make([]byte, known)
	n, err := io.ReadFull(content, head)
	size := int64(-1)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		size, content = int64(n), bytes.NewReader(head[:n])
	case err != nil:
		return 0, err
	default:
		content = io.MultiReader(bytes.NewReader(head), content)
	}
	counted := &counter{from: content}
	written, err := d.put(ctx, name, counted, size)
	if err == nil && written != counted.n {
		err = &Error{Kind: ErrBroken, Detail: fmt.Errorf("%d bytes were sent, and %d are there", counted.n, written)}
	}
	if err == nil {
		return written, nil
	}
	_ = d.Remove(context.WithoutCancel(ctx), name)
	if counted.failed != nil { // the content's fault, not the store's
		return 0, fmt.Errorf("put %s: %w", name, counted.failed)
	}
	return 0, located(name, err)
}

func (d *Depot) put(ctx context.Context, name string, content io.Reader, size int64) (written int64, err error) {
	err = d.do(ctx, name, func(to fs.Fs, name string) error {
		put := to.Put
		switch {
		case size >= 0:
		case to.Features().PutStream != nil:
			put = to.Features().PutStream
		default:
			whole, err := onDisk(content)
			if err != nil {
				return err
			}
			defer whole.Close()
			content, size = whole, whole.size
		}
		there, err := put(ctx, content, object.NewStaticObjectInfo(name, time.Now(), size, true, nil, nil))
		if err == nil {
			written = there.Size()
		}
		return err
	})
	return written, err
}

// Publish gives a file its last name, in the place of what stood there.
func (d *Depot) Publish(ctx context.Context, from, to string) error {
	if err := d.Remove(ctx, to); err != nil {
		return err
	}
	err := d.do(ctx, from, func(at fs.Fs, name string) error {
		last, err := d.at.nameOf(to)
		if err != nil {
			return err
		}
		file, err := at.NewObject(ctx, name)
		if err != nil {
			return err
		}
		if move := at.Features().Move; move != nil {
			_, err = move(ctx, file, last)
			return err
		}
		if _, err := at.Features().Copy(ctx, file, last); err != nil {
			return err
		}
		return file.Remove(ctx)
	})
	if err != nil {
		return fmt.Errorf("publish as %s: %w", to, err)
	}
	return d.settle(to)
}

// Size is the length of a file, or an *Error with ErrNotFound.
func (d *Depot) Size(ctx context.Context, name string) (size int64, err error) {
	err = d.do(ctx, name, func(at fs.Fs, name string) error {
		file, err := at.NewObject(ctx, name)
		if err == nil {
			size = file.Size()
		}
		return err
	})
	return size, err
}

// List returns the names of the files in a folder, in their order, without the
// folder's own. A folder that is not there has none, or is an *Error, as the store
// tells it: FTP servers do not always say ErrNotFound.
func (d *Depot) List(ctx context.Context, folder string) (names []string, err error) {
	err = d.do(ctx, folder, func(at fs.Fs, folder string) error {
		entries, err := at.List(ctx, folder)
		for _, entry := range entries {
			if file, isFile := entry.(fs.Object); isFile {
				names = append(names, path.Base(file.Remote()))
			}
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// Open opens a file, which is the caller's to close.
func (d *Depot) Open(ctx context.Context, name string) (*File, error) {
	file, err := d.at.open(ctx, name)
	if err != nil {
		return nil, located(name, err)
	}
	file.location = name
	return file, nil
}

// Remove takes a file away; it is no error when there is none.
func (d *Depot) Remove(ctx context.Context, name string) error {
	err := d.do(ctx, name, func(at fs.Fs, name string) error {
		file, err := at.NewObject(ctx, name)
		if err != nil {
			return err
		}
		return file.Remove(ctx)
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Check puts a file there and takes it away again.
func (d *Depot) Check(ctx context.Context) error {
	if _, err := d.Put(ctx, probe, strings.NewReader("pacsbridge\n")); err != nil {
		return err
	}
	return d.Remove(ctx, probe)
}

// do does something with a name at the store.
func (d *Depot) do(ctx context.Context, name string, what func(at fs.Fs, name string) error) error {
	at, err := d.at.nameOf(name)
	if err != nil {
		return located(name, err)
	}
	return located(name, d.at.visit(ctx, func(to fs.Fs) error { return what(to, at) }))
}

// counter counts what is read, and keeps the error that reading ended with.
type counter struct {
	from   io.Reader
	n      int64
	failed error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.failed = err
	}
	return n, err
}

// scratch is a file on disk that is gone when it is closed.
type scratch struct {
	*os.File
	size int64
}

// onDisk writes a content down to know its length: WebDAV wants to hear it
// before.
func onDisk(content io.Reader) (*scratch, error) {
	file, err := os.CreateTemp("", "pacsbridge-put-*")
	if err != nil {
		return nil, err
	}
	s := &scratch{File: file}
	if s.size, err = io.Copy(file, content); err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// Close takes the file away.
func (s *scratch) Close() error { return errors.Join(s.File.Close(), os.Remove(s.Name())) }
