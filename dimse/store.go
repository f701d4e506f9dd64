package dimse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"pacsbridge/dimse/dataset"
)

// StoreRequest is a C-STORE (PS3.7 §9.1.1).
type StoreRequest struct {
	SOPClass       string
	SOPInstance    string
	TransferSyntax string
	// Data is the data set in TransferSyntax; it belongs to the caller, and is
	// read once, to its end, which is where the data set ends.
	Data io.Reader
	// Size is the length of Data where it is known, else -1 (or 0). When it is
	// known and Data turns out to be of another length the association is
	// aborted, so that no peer keeps a data set that was cut.
	Size     int64
	Priority Priority
	// The C-MOVE this store belongs to, where it does.
	MoveOriginatorAE        string
	MoveOriginatorMessageID uint16
}

// StoreResult is the peer's answer to a C-STORE.
type StoreResult struct {
	Status            Status
	Comment           string
	OffendingElements []dataset.Tag
}

// Store sends one instance. A status that means failure is a *StatusError; a
// warning is a result. Without an accepted context nothing is sent: a
// *NoContextError, and the association stays usable. When Data fails in the
// middle the association is aborted and the error is a *SourceError.
func (a *Association) Store(ctx context.Context, r StoreRequest) (StoreResult, error) {
	result, err := a.store(ctx, r)
	if err != nil {
		return result, fmt.Errorf("store %s: %w", r.SOPInstance, err)
	}
	return result, nil
}

func (a *Association) store(ctx context.Context, r StoreRequest) (StoreResult, error) {
	pc, ok := a.Context(r.SOPClass, r.TransferSyntax)
	if !ok {
		return StoreResult{}, &NoContextError{SOPClass: r.SOPClass, TransferSyntax: r.TransferSyntax}
	}
	data := r.Data
	if r.Size > 0 {
		data = &exactReader{r: data, left: r.Size}
	}
	inv, err := a.invoke(ctx, pc, &Command{
		Field: CStoreRQ, AffectedClass: r.SOPClass, AffectedInstance: r.SOPInstance,
		Priority: r.Priority, HasData: true,
		MoveOriginatorAE: r.MoveOriginatorAE, MoveOriginatorID: r.MoveOriginatorMessageID,
	}, data)
	if err != nil {
		return StoreResult{}, err
	}
	defer a.finish(inv)
	answer, err := a.await(ctx, inv)
	if err != nil {
		a.fail(err)
		return StoreResult{}, err
	}
	result := StoreResult{Status: answer.Status, Comment: answer.Comment, OffendingElements: answer.Offending}
	switch answer.Status.Class() {
	case Success, Warning:
		return result, nil
	default:
		return result, answer.failure(ServiceStore)
	}
}

// exactReader makes sure that r is as long as it was said to be.
type exactReader struct {
	r    io.Reader
	left int64
}

var errLength = errors.New("data set is not as long as announced")

func (e *exactReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.left -= int64(n)
	if e.left < 0 || err == io.EOF && e.left > 0 {
		return 0, errLength
	}
	return n, err
}

// Instance is a composite instance that is being received by C-STORE.
type Instance struct {
	SOPClass       string
	SOPInstance    string
	TransferSyntax string
	CallingAE      string
	CalledAE       string
	RemoteAddr     net.Addr
	// The C-MOVE it is an answer to, where the peer tells.
	MoveOriginatorAE        string
	MoveOriginatorMessageID uint16
	// Data is the data set in TransferSyntax, straight from the connection.
	// It ends with io.EOF only when the whole of it has arrived; any other error
	// means that the peer is gone and nothing may be kept. It is valid until
	// the handler returns; what is left unread is drained.
	Data io.Reader
}

// StoreHandler keeps instances. nil answers 0000, a *StatusError its own
// status, any other error 0110 (processing failure). ctx ends with the
// association.
type StoreHandler interface {
	Store(ctx context.Context, instance *Instance) error
}

// StoreReceiver is a StoreHandler that keeps an instance in two steps: Receive
// takes the data set, and commit, which may be slow, makes it last. commit's
// error is answered as Store's is. Where the peer was granted an asynchronous
// operations window (PS3.7 §D.3.3.3) commits run beside one another and beside
// what arrives, and are answered as they end; where it was not they run one after
// another, and Store is not called either.
type StoreReceiver interface {
	StoreHandler
	Receive(ctx context.Context, instance *Instance) (commit func(context.Context) error, err error)
}

// serveStore hands an instance to the handler, in the reading goroutine: the
// data set goes from the connection to the handler without a stop.
func (a *Association) serveStore(m *incoming, handler StoreHandler) {
	if handler == nil || m.data == nil {
		a.refuse(m, StatusUnrecognizedOperation)
		return
	}
	instance := &Instance{
		SOPClass: m.AffectedClass, SOPInstance: m.AffectedInstance, TransferSyntax: m.context.TransferSyntax,
		CallingAE: a.calling, CalledAE: a.called, RemoteAddr: a.peer.Addr,
		MoveOriginatorAE: m.MoveOriginatorAE, MoveOriginatorMessageID: m.MoveOriginatorID,
		Data: m.data,
	}
	receiver, twoSteps := handler.(StoreReceiver)
	if !twoSteps {
		err := handler.Store(a.ctx, instance)
		a.answerStore(m, err)
		return
	}
	commit, err := receiver.Receive(a.ctx, instance)
	if err != nil || commit == nil {
		a.answerStore(m, err)
	} else if m.data.drain() {
		a.commitStore(m, commit)
	}
}

// commitStore runs the second step of a store, beside others where the peer may
// have several open. One beyond that number waits, and the peer with it.
func (a *Association) commitStore(m *incoming, commit func(context.Context) error) {
	operation := func() { a.answerStore(m, commit(a.ctx)) }
	if a.granted < 2 {
		operation()
		return
	}
	notCancelled := func(error) {} // C-CANCEL is not for stores
	switch a.aside(m, notCancelled, operation) {
	case StatusDuplicateInvocation:
		a.refuse(m, StatusDuplicateInvocation)
	case StatusResourceLimitation:
		operation()
	}
}

// answerStore tells how a store went, once its data set has been read.
func (a *Association) answerStore(m *incoming, err error) {
	if !m.data.drain() {
		return
	}
	response := &Command{AffectedInstance: m.AffectedInstance}
	response.setOutcome(err)
	a.respond(m, response, nil)
}

// setOutcome puts what a handler returned into a response.
func (c *Command) setOutcome(err error) {
	var status *StatusError
	switch {
	case err == nil:
		c.Status = StatusSuccess
	case errors.As(err, &status):
		c.Status, c.Comment, c.Offending = status.Status, shortComment(status.Comment), status.Offending
	default:
		c.Status = StatusProcessingFailure
	}
}

// maxCommentLength is that of an error comment (PS3.7 annex E); peers send more.
const maxCommentLength = 64

// shortComment cuts an error comment to the 64 characters of an LO.
func shortComment(s string) string {
	if len(s) > maxCommentLength {
		return s[:maxCommentLength]
	}
	return s
}
