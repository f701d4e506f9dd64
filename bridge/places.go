package bridge

import (
	"context"
	"slices"
	"sync"
)

// places are the associations that may be open to a peer at once. Whoever waits for
// one gets it in the order of asking, so that the study that came first is through
// first, and the others' data need not lie in the spool half delivered. A query, which is over
// in a moment, goes before what lasts, but not twice running: no service starves.
type places struct {
	mu       sync.Mutex
	free     int
	brief    []chan struct{} // closed when it is their turn
	lasting  []chan struct{}
	wasBrief bool // the last place handed on went to a query
}

func newPlaces(n int) *places { return &places{free: n} }

// take waits for a place until the context ends, and then fails with its cause.
func (p *places) take(ctx context.Context, brief bool) error {
	turn := p.line(brief)
	if turn == nil {
		return nil
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		p.quit(turn)
		return context.Cause(ctx)
	}
}

// line gets in line, unless a place is free: then there is nothing to wait for.
func (p *places) line(brief bool) (turn chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free > 0 {
		p.free--
		return nil
	}
	turn = make(chan struct{})
	if brief {
		p.brief = append(p.brief, turn)
	} else {
		p.lasting = append(p.lasting, turn)
	}
	return turn
}

// quit gets out of line, and hands on a place that was given at the last moment.
func (p *places) quit(turn chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range []*[]chan struct{}{&p.brief, &p.lasting} {
		if i := slices.Index(*line, turn); i >= 0 {
			*line = slices.Delete(*line, i, i+1)
			return
		}
	}
	p.hand()
}

// give hands a place on.
func (p *places) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hand()
}

// hand is give. The caller holds the lock.
func (p *places) hand() {
	next := &p.lasting
	if len(p.brief) > 0 && (!p.wasBrief || len(p.lasting) == 0) {
		next = &p.brief
	}
	if len(*next) == 0 {
		p.free++
		return
	}
	p.wasBrief = next == &p.brief
	close((*next)[0])
	*next = slices.Delete(*next, 0, 1)
}
