package fetch

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// broken is a store whose streams end as it is told.
type broken struct {
	text    string
	streams []func(rest string) io.Reader
	modTime time.Time
	opened  int
	offsets []int64
}

func (b *broken) stream(offset int64) io.ReadCloser {
	how := b.streams[min(b.opened, len(b.streams)-1)]
	b.opened++
	b.offsets = append(b.offsets, offset)
	return io.NopCloser(how(b.text[offset:]))
}

func (b *broken) file(t *testing.T) *File {
	f := &File{Size: int64(len(b.text)), ModTime: b.modTime, ctx: t.Context(), stream: b.stream(0)}
	f.origin = origin{
		state:   func(context.Context) (int64, time.Time, error) { return int64(len(b.text)), b.modTime, nil },
		explain: func(err error) error { return brokenError(err) },
		again:   func(_ context.Context, offset int64) (io.ReadCloser, error) { return b.stream(offset), nil },
	}
	return f
}

func whole(rest string) io.Reader { return strings.NewReader(rest) }
func fails(rest string) io.Reader {
	return io.MultiReader(strings.NewReader(rest[:min(3, len(rest))]), iotest.ErrReader(io.ErrClosedPipe))
}
func ends(rest string) io.Reader  { return strings.NewReader(rest[:min(3, len(rest))]) }
func stops(rest string) io.Reader { return strings.NewReader("") }
func dies(rest string) io.Reader  { return iotest.ErrReader(io.ErrClosedPipe) }

func TestAStreamIsTakenUpWhereItBroke(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		streams []func(string) io.Reader
		modTime time.Time
		want    error
	}{
		"whole":                         {[]func(string) io.Reader{whole}, now, nil},
		"broken once":                   {[]func(string) io.Reader{fails, whole}, now, nil},
		"broken every three bytes":      {[]func(string) io.Reader{fails}, now, nil},
		"ended early every three bytes": {[]func(string) io.Reader{ends}, now, nil},
		"dead for a while":              {[]func(string) io.Reader{fails, dies, dies, whole}, now, nil},
		"dead":                          {[]func(string) io.Reader{fails, dies}, now, ErrBroken},
		"shorter than it says":          {[]func(string) io.Reader{ends, stops}, now, ErrShort},
		"without a time":                {[]func(string) io.Reader{fails, whole}, time.Time{}, ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &broken{text: "a letter", streams: c.streams, modTime: c.modTime}
			got, err := io.ReadAll(b.file(t))
			if c.want == nil && (err != nil || string(got) != b.text) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%q, %v (opened at %v)", got, err, b.offsets)
			}
		})
	}
}

func TestPatienceEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := &broken{text: "a letter", streams: []func(string) io.Reader{fails, dies}, modTime: time.Now()}
	f := b.file(t)
	f.ctx = ctx
	cancel()
	if _, err := io.ReadAll(f); !errors.Is(err, context.Canceled) || b.opened != 1 {
		t.Errorf("%v after %d streams", err, b.opened)
	}
}
