package fetch

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
)

// File is an attachment on its way. It is read once, from its beginning to its
// end; at its end it is checked that it did not change meanwhile and that it is
// what was expected, and if not Read returns an *Error in place of io.EOF.
//
// A stream that breaks off is taken up where it was, as long as the store says
// that the file is the same: of the same size, and of the same modification
// time. Where it does not tell, the caller has to begin again.
type File struct {
	Size    int64     // -1 when the store does not say
	ModTime time.Time // zero when the store does not say

	ctx      context.Context // of the fetch: a stream lives as long
	origin   origin
	location string
	read     int64
	checks   checks
	done     error // what the end was
	patience patience

	lock   sync.Mutex // the stream may be closed from outside of a Read
	stream io.ReadCloser
	closed bool
	unhook func() bool
}

// origin is where a file's bytes come from.
type origin struct {
	state   func(context.Context) (size int64, modTime time.Time, err error)
	explain func(error) error // gives an error of the store its kind
	// again opens the stream anew, further on; nil where a break is final.
	again func(ctx context.Context, offset int64) (io.ReadCloser, error)
}

var _ io.ReadCloser = (*File)(nil)

// openObject opens a file through rclone, whatever the kind of its store. The
// file is opened at one backend, and asked about at the other: they are the
// same, or the first does not ask before it opens.
func openObject(ctx context.Context, opener, remote fs.Fs, name string, explain func(error) error) (*File, error) {
	object, err := opener.NewObject(ctx, name)
	if err != nil {
		return nil, explain(err)
	}
	stream, err := object.Open(ctx)
	if err != nil && opener == remote {
		err = deniedIfThere(err)
	}
	if err != nil {
		return nil, explain(err)
	}
	file := &File{Size: object.Size(), ModTime: modTimeOf(ctx, object), ctx: ctx, stream: stream}
	file.origin.explain = explain
	file.origin.state = func(ctx context.Context) (int64, time.Time, error) {
		now, err := remote.NewObject(ctx, name)
		if err != nil {
			return 0, time.Time{}, err
		}
		return now.Size(), modTimeOf(ctx, now), nil
	}
	file.unhook = context.AfterFunc(ctx, func() { _ = file.closeStream() }) // whoever waits for bytes is told
	return file, nil
}

// reopenObject opens a file further on.
func reopenObject(ctx context.Context, remote fs.Fs, name string, offset int64) (io.ReadCloser, error) {
	object, err := remote.NewObject(ctx, name)
	if err != nil {
		return nil, err
	}
	return object.Open(ctx, &fs.SeekOption{Offset: offset})
}

// deniedIfThere takes "not found" for "denied" when a file that the store has
// just shown is asked for: FTP answers both alike.
func deniedIfThere(err error) error {
	if errors.Is(err, fs.ErrorObjectNotFound) {
		return fs.ErrorPermissionDenied
	}
	return err
}

// modTimeOf is the time of a file, zero when the store has none.
func modTimeOf(ctx context.Context, object fs.Object) time.Time {
	if t := object.ModTime(ctx); t.Unix() > 0 {
		return t
	}
	return time.Time{}
}

// Read reads on. It implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if f.done != nil {
		return 0, f.done
	}
	if err := f.ctx.Err(); err != nil {
		return 0, f.end(&Error{Kind: ErrBroken, Detail: err})
	}
	n, err := f.current().Read(p)
	f.read += int64(n)
	f.checks.write(p[:n])
	if n > 0 {
		f.patience.renew()
	}
	all := f.Size >= 0 && f.read == f.Size // whatever is wrong behind the end
	switch {
	case f.Size >= 0 && f.read > f.Size:
		return n, f.end(&Error{Kind: ErrChanged, Detail: errors.New("it grew")})
	case err == nil:
		return n, nil
	case all, errors.Is(err, io.EOF) && (f.Size < 0 || f.origin.again == nil):
		return n, f.end(f.verify())
	}
	err = f.resume(err)
	if cause := f.ctx.Err(); cause != nil {
		err = &Error{Kind: ErrBroken, Detail: cause}
	}
	if err != nil {
		return n, f.end(err)
	}
	return n, nil
}

// current is the stream as it is now.
func (f *File) current() io.Reader {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.stream
}

// end keeps how the reading ended.
func (f *File) end(err error) error {
	f.done = io.EOF
	if err != nil {
		f.done = located(f.location, err)
	}
	return f.done
}

// Close closes the file. What was not read to its end was not checked.
func (f *File) Close() error {
	if f.done == nil {
		f.done = &Error{Location: f.location, Kind: ErrBroken, Detail: errors.New("it was closed")}
	}
	if f.unhook != nil {
		f.unhook()
	}
	return f.closeStream()
}

func (f *File) closeStream() error {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	return f.stream.Close()
}
