package dimsetest

import (
	"context"
	"errors"
	"slices"

	"pacsbridge/dimse"
)

// maxContexts is the most presentation contexts one association has (PS3.8 §9.3.2.2).
const maxContexts = 128

// errNotKept is why an instance of which only the digest was kept is not sent.
var errNotKept = errors.New("its bytes were not kept")

// A sender stores instances somewhere.
type sender struct {
	store   func(context.Context, dimse.StoreRequest) (dimse.StoreResult, error)
	release func()
}

// dialFor opens an association with a context for each kind of instance in the batch.
func dialFor(ctx context.Context, dialer *dimse.Dialer, batch []*held) sender {
	var proposals []dimse.Proposal
	for _, c := range contextsOf(batch) {
		proposals = append(proposals, dimse.Proposal{SOPClass: c.SOPClass, TransferSyntaxes: []string{c.TransferSyntax}})
	}
	association, err := dialer.Dial(ctx, proposals)
	if err != nil {
		refuse := func(context.Context, dimse.StoreRequest) (dimse.StoreResult, error) {
			return dimse.StoreResult{}, err
		}
		return sender{store: refuse, release: func() {}}
	}
	return sender{store: association.Store, release: func() { association.Release(ctx) }}
}

func contextsOf(list []*held) []Context {
	var contexts []Context
	for _, h := range list {
		c := Context{h.SOPClass, h.TransferSyntax}
		if !slices.Contains(contexts, c) {
			contexts = append(contexts, c)
		}
	}
	return contexts
}

// batches cuts a list so that each part needs no more contexts than one
// association has.
func batches(list []*held) [][]*held {
	var all [][]*held
	for contexts := range slices.Chunk(contextsOf(list), maxContexts) {
		var batch []*held
		for _, h := range list {
			if slices.Contains(contexts, Context{h.SOPClass, h.TransferSyntax}) {
				batch = append(batch, h)
			}
		}
		all = append(all, batch)
	}
	return all
}
