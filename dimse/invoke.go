package dimse

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/pdu"
)

// Priority of an operation (PS3.7 §E.1).
type Priority uint16

// The priorities in the standard's numbers.
const (
	PriorityMedium Priority = 0
	PriorityHigh   Priority = 1
	PriorityLow    Priority = 2
)

// maxIdentifierLength bounds the data sets that are held as a whole: queries,
// their answers, lists of failed UIDs.
const maxIdentifierLength = 1 << 20

// answersWaiting is how many answers to a query or retrieval may wait for a slow
// reader of them before the peer has to wait.
const answersWaiting = 16

// answersOf is how many answers of a message may wait; most have but one.
func answersOf(request CommandField) int {
	switch request {
	case CFindRQ, CMoveRQ, CGetRQ:
		return answersWaiting
	}
	return 1
}

// invocation is an operation of ours whose final answer has not come.
type invocation struct {
	id      uint16
	want    CommandField
	context Context
	answers chan answer
	gone    chan struct{} // nobody waits for answers any more
	// alive, when there is one, tells when the peer last worked on the operation
	// in another way than by an answer; silence is counted from there.
	alive func() time.Time
}

// answer is a response with its data set, when it has one.
type answer struct {
	*Command
	identifier []byte
}

// invoke sends a request; cmd gets its message ID. The caller must call finish.
// When ctx ends while the message is under way the association is aborted.
func (a *Association) invoke(ctx context.Context, pc Context, cmd *Command, data io.Reader) (*invocation, error) {
	select {
	case a.window <- struct{}{}:
	case <-a.broken:
		return nil, a.cause()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	inv := a.register(pc, cmd)
	var whole atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		if !whole.Load() {
			a.fail(context.Cause(ctx))
		}
	})
	err := a.send(pc, cmd, data)
	whole.Store(true)
	stop()
	if err != nil {
		a.finish(inv)
		return nil, err
	}
	return inv, nil
}

// register gives the operation a message ID that no other open one has.
func (a *Association) register(pc Context, cmd *Command) *invocation {
	inv := &invocation{
		want:    cmd.Field | responseBit,
		context: pc,
		answers: make(chan answer, answersOf(cmd.Field)),
		gone:    make(chan struct{}),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		a.lastID++
		if _, taken := a.invoked[a.lastID]; !taken && a.lastID != 0 {
			break
		}
	}
	inv.id, cmd.MessageID = a.lastID, a.lastID
	a.invoked[inv.id] = inv
	return inv
}

// finish forgets the operation and lets the next one begin.
func (a *Association) finish(inv *invocation) {
	a.mu.Lock()
	delete(a.invoked, inv.id)
	a.mu.Unlock()
	close(inv.gone)
	<-a.window
}

// send sends a message. A failure in the middle of it aborts the association.
func (a *Association) send(pc Context, cmd *Command, data io.Reader) error {
	a.sending.Lock()
	defer a.sending.Unlock()
	b, err := cmd.AppendTo(a.encoded[:0])
	if err != nil {
		return err
	}
	a.encoded = b
	if a.failed.Load() || a.fire(EvtDataRequest) == "" {
		return a.cause()
	}
	_, err = a.out.WriteMessage(pc.ID, b, data)
	if err == nil {
		return nil
	}
	var source *pdu.SourceError
	switch {
	case errors.As(err, &source):
		a.fail(err)
	case isTimeout(err):
		a.fail(&TimeoutError{Waiting: "the peer to take what is sent"})
		a.link.closeBy(time.Now())
	default:
		a.fail(transportError("write to peer", err))
	}
	if source != nil && errors.Is(a.cause(), source) {
		return source
	}
	return a.cause()
}

// await waits for the next answer. A peer that is silent for too long is
// aborted; when ctx ends it is left to the caller what becomes of the operation.
func (a *Association) await(ctx context.Context, inv *invocation) (answer, error) {
	select {
	case r := <-inv.answers:
		return r, nil
	default:
	}
	timer := time.NewTimer(a.timeouts.Response)
	defer timer.Stop()
	for {
		select {
		case r := <-inv.answers:
			return r, nil
		case <-ctx.Done():
			return answer{}, context.Cause(ctx)
		case <-a.broken:
			return a.lastAnswer(inv)
		case <-timer.C:
		}
		left := a.patienceLeft(inv)
		if left <= 0 {
			err := &TimeoutError{Waiting: "an answer of the peer"}
			a.fail(err)
			return answer{}, err
		}
		timer.Reset(left)
	}
}

// patienceLeft is how much longer an operation may be without an answer: a peer that
// answers others is not silent.
func (a *Association) patienceLeft(inv *invocation) time.Duration {
	a.mu.Lock()
	last := a.heard
	a.mu.Unlock()
	if inv.alive != nil {
		if alive := inv.alive(); alive.After(last) {
			last = alive
		}
	}
	return a.timeouts.Response - time.Since(last)
}

// lastAnswer is the answer that came just before the end, or why there is none.
func (a *Association) lastAnswer(inv *invocation) (answer, error) {
	select {
	case r := <-inv.answers:
		return r, nil
	default:
		return answer{}, a.cause()
	}
}

// answered gives a response to the operation that waits for it.
func (a *Association) answered(m *incoming) {
	a.mu.Lock()
	inv := a.invoked[m.RespondedTo]
	a.heard = time.Now()
	a.mu.Unlock()
	switch {
	case inv == nil:
		a.breach(protocolErrorf("response %04XH to message %d, which is not open", uint16(m.Field), m.RespondedTo))
		return
	case inv.want != m.Field:
		a.breach(protocolErrorf("response %04XH to message %d, which waits for %04XH", uint16(m.Field), m.RespondedTo, uint16(inv.want)))
		return
	}
	identifier, ok := a.identifier(m)
	if !ok {
		return
	}
	select {
	case inv.answers <- answer{Command: m.Command, identifier: identifier}:
	case <-inv.gone:
	case <-a.broken:
	}
}

// identifier reads a data set that is held as a whole.
func (a *Association) identifier(m *incoming) ([]byte, bool) {
	if m.data == nil {
		return nil, true
	}
	b, err := io.ReadAll(io.LimitReader(m.data, maxIdentifierLength+1))
	if err != nil {
		return nil, false
	}
	if len(b) > maxIdentifierLength {
		a.breach(protocolErrorf("identifier of more than %d bytes", maxIdentifierLength))
		return nil, false
	}
	return b, true
}

// failure makes the error of an answer that means failure.
func (r answer) failure(of Service) *StatusError {
	return &StatusError{Service: of, Status: r.Status, Comment: r.Comment, Offending: r.Offending}
}

// sendCancel asks the peer to end an operation (PS3.7 §9.3.2.3).
func (a *Association) sendCancel(inv *invocation) {
	_ = a.send(inv.context, &Command{Field: CCancelRQ, RespondedTo: inv.id}, nil)
}

// encodeIdentifier writes a small data set in the syntax of its context.
func encodeIdentifier(d *dataset.Dataset, pc Context) ([]byte, error) {
	return appendIdentifier(nil, d, pc)
}

// appendIdentifier is encodeIdentifier behind dst; nil is an empty data set.
func appendIdentifier(dst []byte, d *dataset.Dataset, pc Context) ([]byte, error) {
	if d == nil {
		d = dataset.New()
	}
	return d.AppendTo(dst, pc.TransferSyntax)
}
