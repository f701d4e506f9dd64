package dimse

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"

	"pacsbridge/dimse/dataset"
)

// FindRequest is a C-FIND (PS3.7 §9.1.2).
type FindRequest struct {
	SOPClass   string
	Identifier *dataset.Dataset
	Priority   Priority
}

// Find yields the matches as they come. Breaking the loop sends a C-CANCEL and
// waits for the peer to end the query, so that the association stays usable. A
// final status other than success is the last error, a *StatusError.
func (a *Association) Find(ctx context.Context, r FindRequest) iter.Seq2[*dataset.Dataset, error] {
	return func(yield func(*dataset.Dataset, error) bool) {
		if err := a.find(ctx, r, yield); err != nil {
			yield(nil, fmt.Errorf("find: %w", err))
		}
	}
}

// find returns nil when the caller has broken the loop.
func (a *Association) find(ctx context.Context, r FindRequest, yield func(*dataset.Dataset, error) bool) error {
	pc, err := a.firstContext(r.SOPClass)
	if err != nil {
		return err
	}
	b, err := encodeIdentifier(r.Identifier, pc)
	if err != nil {
		return err
	}
	cmd := &Command{Field: CFindRQ, AffectedClass: r.SOPClass, Priority: r.Priority, HasData: true}
	inv, err := a.invoke(ctx, pc, cmd, bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer a.finish(inv)
	for {
		answer, err := a.await(ctx, inv)
		if err != nil {
			a.fail(err)
			return err
		}
		if answer.Status.Class() != Pending {
			return finalFindStatus(answer)
		}
		match, err := dataset.Decode(answer.identifier, pc.TransferSyntax)
		if err != nil {
			err = fmt.Errorf("decode a match: %w", err)
			match = nil
		}
		if !yield(match, err) {
			return a.cancelAndDrain(ctx, inv)
		}
	}
}

func finalFindStatus(r answer) error {
	if r.Status == StatusSuccess {
		return nil
	}
	return r.failure(ServiceFind)
}

// cancelAndDrain ends an operation nobody wants the rest of. It returns nil:
// what goes wrong now shows at the next operation.
func (a *Association) cancelAndDrain(ctx context.Context, inv *invocation) error {
	ctx, stop := context.WithTimeoutCause(ctx, a.timeouts.Response, &TimeoutError{Waiting: "the end of a cancelled operation"})
	defer stop()
	a.sendCancel(inv)
	for {
		r, err := a.await(ctx, inv)
		if err != nil {
			a.fail(err)
			return nil
		}
		if r.Status.Class() != Pending {
			return nil
		}
	}
}

// FindQuery is a C-FIND of a peer.
type FindQuery struct {
	Request
	Identifier *dataset.Dataset
}

// FindHandler answers queries: it yields the matches. An error ends the query
// with its status when it is a *StatusError, else with C000 (unable to
// process). ctx ends with the association or with a C-CANCEL, which is answered
// with FE00 by itself.
type FindHandler interface {
	Find(ctx context.Context, query FindQuery) iter.Seq2[*dataset.Dataset, error]
}

// serveFind runs in a goroutine of its own, so that a C-CANCEL can be read. The
// last answer is sent when the handler has returned.
func (a *Association) serveFind(ctx context.Context, m *incoming, identifier *dataset.Dataset) {
	err := a.sendMatches(ctx, m, identifier)
	switch {
	case ctx.Err() != nil:
		_ = a.respond(m, &Command{Status: StatusCancelled}, nil)
	case err != nil:
		_ = a.respondFailure(m, err)
	default:
		_ = a.respond(m, &Command{Status: StatusSuccess}, nil)
	}
}

func (a *Association) sendMatches(ctx context.Context, m *incoming, identifier *dataset.Dataset) error {
	query := FindQuery{Request: a.request(m), Identifier: identifier}
	for match, err := range a.handlers.Find.Find(ctx, query) {
		if err == nil && ctx.Err() == nil {
			err = a.sendMatch(m, match)
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

func (a *Association) sendMatch(m *incoming, match *dataset.Dataset) error {
	buffer := matches.Get().(*[]byte)
	defer matches.Put(buffer)
	b, err := appendIdentifier((*buffer)[:0], match, m.context)
	if err != nil {
		return fmt.Errorf("encode a match: %w", err)
	}
	*buffer = b
	return a.respond(m, &Command{Status: StatusPending, HasData: true}, bytes.NewReader(b))
}

// matches keeps the memory for the next match.
var matches = sync.Pool{New: func() any { return new([]byte) }}
