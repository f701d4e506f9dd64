package bridge

import (
	"context"
	"io"

	"golang.org/x/time/rate"
)

// Throttle bounds the bytes a second that pass through its readers, all together.
// The nil Throttle lets everything pass.
type Throttle struct {
	limiter *rate.Limiter
}

// NewThrottle allows so many bytes a second; nil, which is no bound, for zero.
func NewThrottle(bytesPerSecond int64) *Throttle {
	if bytesPerSecond <= 0 {
		return nil
	}
	burst := max(int(bytesPerSecond/4), 64<<10)
	return &Throttle{limiter: rate.NewLimiter(rate.Limit(bytesPerSecond), burst)}
}

// Reader returns r at the throttle's pace. A peer that sends faster is held back
// by TCP.
func (t *Throttle) Reader(ctx context.Context, r io.Reader) io.Reader {
	if t == nil {
		return r
	}
	return &throttled{ctx: ctx, limiter: t.limiter, r: r}
}

type throttled struct {
	ctx     context.Context
	limiter *rate.Limiter
	r       io.Reader
}

func (t *throttled) Read(p []byte) (int, error) {
	p = p[:min(len(p), t.limiter.Burst())]
	n, err := t.r.Read(p)
	if waited := t.limiter.WaitN(t.ctx, n); waited != nil && err == nil {
		err = waited
	}
	return n, err
}
