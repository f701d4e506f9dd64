package bridge

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// narrowing is what is learnt of an archive that sends all instances of a SOP class in
// one presentation context, the first that it accepted for it: dcmqrscp does. An instance
// that it keeps compressed is then sent only where no other syntax was offered.
type narrowing struct {
	worked atomic.Pointer[string] // the transfer syntax in which something came so
	vain   atomic.Int32           // instances that came in none
}

// mostVain is after how many instances in vain it is taken for no such archive.
const mostVain = 3

// narrowly asks again for what did not come, with one compressed transfer syntax at a
// time: the one that helped before, and where a single instance is asked for each of
// them. failure is what OLD said.
func (g *Getter) narrowly(ctx context.Context, s Selection, classes []string, alive func() time.Time, failure error) error {
	if !as[*dimse.StatusError](failure) {
		return failure
	}
	for _, syntax := range g.syntaxes(s) {
		one := &getter{peer: g.Peer, into: g.Into, proposals: getProposals(classes, syntax), alone: true}
		err := one.Retrieve(ctx, s, alive)
		if err == nil {
			g.worked.Store(&syntax)
			return nil
		}
		if ctx.Err() != nil || unreachable(err) {
			return err
		}
	}
	if len(s.Instances) == 1 && g.worked.Load() == nil {
		g.vain.Add(1)
	}
	return failure
}

// syntaxes are those that are tried alone, the likeliest first.
func (g *Getter) syntaxes(s Selection) []string {
	var syntaxes []string
	if worked := g.worked.Load(); worked != nil {
		syntaxes = append(syntaxes, *worked)
	}
	if len(s.Instances) != 1 || g.worked.Load() == nil && g.vain.Load() >= mostVain {
		return syntaxes
	}
	for _, syntax := range getSyntaxes {
		if encoded, _ := uid.SyntaxOf(syntax); encoded.Encapsulated && !slices.Contains(syntaxes, syntax) {
			syntaxes = append(syntaxes, syntax)
		}
	}
	return syntaxes
}
