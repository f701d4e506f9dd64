package fetch

import (
	"context"
	"errors"
	"io"
	"time"
)

// How often a stream that breaks off is taken up again: so often without a
// byte in between, and so often in all.
const (
	maxStalls  = 3
	maxResumes = 100
)

// firstPause is how long is waited before a stream is taken up again; twice as
// long when nothing came of it.
const firstPause = 200 * time.Millisecond

// patience counts the breaks of one stream.
type patience struct{ stalls, resumes int }

// renew is called when something has arrived.
func (p *patience) renew() { p.stalls = 0 }

// resume opens the stream anew where it broke off, if the store says that the
// file is still the same. The cause is what ended it: an error, or io.EOF
// before the end.
func (f *File) resume(cause error) error {
	broken := f.origin.explain(cause)
	if errors.Is(cause, io.EOF) {
		broken = &Error{Kind: ErrShort, Detail: errors.New("the store sends less than it says")}
	}
	for {
		if !f.mayResume(broken) {
			return broken
		}
		if err := f.wait(); err != nil {
			return &Error{Kind: ErrBroken, Detail: err}
		}
		err := f.reopen()
		if err == nil {
			return nil
		}
		broken = err
	}
}

func (f *File) mayResume(broken error) bool {
	if f.origin.again == nil || f.ModTime.IsZero() || f.Size < 0 || f.ctx.Err() != nil {
		return false
	}
	if f.patience.stalls >= maxStalls || f.patience.resumes >= maxResumes {
		return false
	}
	f.patience.stalls++
	f.patience.resumes++
	return errors.Is(broken, ErrBroken) || errors.Is(broken, ErrShort)
}

// wait pauses, longer with every try that came to nothing.
func (f *File) wait() error {
	timer := time.NewTimer(firstPause << (f.patience.stalls - 1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
}

// reopen looks whether the file is the same and goes on behind what was read.
func (f *File) reopen() error {
	size, modTime, err := f.origin.state(f.ctx)
	switch {
	case err != nil:
		return f.origin.explain(err)
	case size != f.Size || !modTime.Equal(f.ModTime):
		return &Error{Kind: ErrChanged, Detail: errors.New("it is another one since reading broke off")}
	}
	stream, err := f.origin.again(f.ctx, f.read)
	if err != nil {
		return f.origin.explain(deniedIfThere(err))
	}
	return f.replace(stream)
}

// replace puts a stream in the place of the one that broke.
func (f *File) replace(stream io.ReadCloser) error {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.closed {
		_ = stream.Close() // nobody reads it any more
		return &Error{Kind: ErrBroken, Detail: context.Cause(f.ctx)}
	}
	_ = f.stream.Close() // it is broken: what it says is known
	f.stream = stream
	return nil
}
