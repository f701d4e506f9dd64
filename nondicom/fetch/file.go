package fetch

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/rclone/rclone/fs"
)

// File is an attachment on its way. It is read once, from its beginning to its
// end; at its end it is checked that it did not change meanwhile and that it is
// what was expected, and if not Read returns an *Error in place of io.EOF.
type File struct {
	Size    int64
	ModTime time.Time

	ctx      context.Context // of the fetch: a stream lives as long
	stream   io.ReadCloser
	state    func(context.Context) (size int64, modTime time.Time, err error)
	explain  func(error) error // gives an error of the store its kind
	location string
	read     int64
	checks   checks
	done     error // what the end was
}

var _ io.ReadCloser = (*File)(nil)

// openObject opens a file through rclone, whatever the kind of its store.
func openObject(ctx context.Context, remote fs.Fs, name string) (*File, error) {
	object, err := remote.NewObject(ctx, name)
	if err != nil {
		return nil, localError(err)
	}
	stream, err := object.Open(ctx)
	if err != nil {
		return nil, localError(err)
	}
	file := &File{Size: object.Size(), ModTime: object.ModTime(ctx), ctx: ctx, stream: stream, explain: localError}
	file.state = func(ctx context.Context) (int64, time.Time, error) {
		now, err := remote.NewObject(ctx, name)
		if err != nil {
			return 0, time.Time{}, err
		}
		return now.Size(), now.ModTime(ctx), nil
	}
	return file, nil
}

// Read reads on. It implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if f.done != nil {
		return 0, f.done
	}
	if err := f.ctx.Err(); err != nil {
		return 0, f.end(&Error{Kind: ErrBroken, Detail: err})
	}
	n, err := f.stream.Read(p)
	f.read += int64(n)
	f.checks.write(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		return n, f.end(f.verify())
	case err != nil:
		return n, f.end(f.explain(err))
	case f.read > f.Size:
		return n, f.end(&Error{Kind: ErrChanged, Detail: errors.New("it grew")})
	}
	return n, nil
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
	return f.stream.Close()
}
