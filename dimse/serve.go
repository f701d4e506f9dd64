package dimse

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"pacsbridge/dimse/dataset"
)

// maxPerforming bounds the queries and retrievals of one association that run
// at once; what comes beyond is answered 0213 (resource limitation).
const maxPerforming = 16

// errCancelled is the cause in a handler's context after a C-CANCEL.
var errCancelled = errors.New("cancelled by the peer")

// Request tells a handler who asks, and on which presentation context.
type Request struct {
	SOPClass       string
	TransferSyntax string
	CallingAE      string
	CalledAE       string
	RemoteAddr     net.Addr
	MessageID      uint16
}

func (a *Association) request(m *incoming) Request {
	return Request{
		SOPClass: m.class(), TransferSyntax: m.context.TransferSyntax,
		CallingAE: a.calling, CalledAE: a.called, RemoteAddr: a.peer.Addr, MessageID: m.MessageID,
	}
}

// class is the SOP class of a request: the affected one, or of an operation on
// an instance the requested one.
func (m *incoming) class() string { return cmp.Or(m.AffectedClass, m.RequestedClass) }

// malformed is the status for a data set that cannot be read.
func (m *incoming) malformed(err error) Status {
	if errors.Is(err, dataset.ErrTooLarge) {
		return StatusResourceLimitation
	}
	if m.Field == NActionRQ || m.Field == NEventReportRQ {
		return StatusInvalidArgument
	}
	return StatusIdentifierMismatch
}

// serve gives a message to who waits for it or performs it.
func (a *Association) serve(m *incoming) {
	if m.Field.IsResponse() {
		a.answered(m)
		return
	}
	if !a.beginHandling() {
		return
	}
	defer a.endHandling()
	switch {
	case m.Field == CCancelRQ:
		a.cancelPerforming(m.RespondedTo)
	case m.Field == CStoreRQ:
		a.serveStore(m, a.storeHandler())
	case a.handlers == nil:
		a.refuse(m, StatusUnrecognizedOperation)
	case m.Field == CEchoRQ && a.role == Acceptor:
		a.serveEcho(m)
	case m.Field == NActionRQ && a.handlers.Action != nil:
		a.performAside(m, a.serveAction)
	case m.Field == NEventReportRQ && a.handlers.Event != nil:
		a.performAside(m, a.serveEvent)
	case m.Field == CFindRQ && a.handlers.Find != nil:
		a.performAside(m, a.serveFind)
	case m.Field == CMoveRQ && a.handlers.Move != nil:
		a.performAside(m, a.serveMove)
	case m.Field == CGetRQ && a.handlers.Get != nil:
		a.performAside(m, a.serveGet)
	default:
		a.refuse(m, StatusUnrecognizedOperation)
	}
}

// storeHandler is who takes instances: an acceptor's handler, or that of a
// C-GET of ours.
func (a *Association) storeHandler() StoreHandler {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.receiver != nil {
		a.stored = time.Now()
		return a.receiver
	}
	if a.handlers != nil {
		return a.handlers.Store
	}
	return nil
}

// performAside reads the identifier and starts the operation in a goroutine of its
// own.
func (a *Association) performAside(m *incoming, operation func(context.Context, *incoming, *dataset.Dataset)) {
	b, ok := a.identifier(m)
	if !ok {
		return
	}
	identifier, err := dataset.Decode(b, m.context.TransferSyntax)
	if err != nil {
		a.refuse(m, m.malformed(err))
		return
	}
	ctx, cancel := context.WithCancelCause(a.ctx)
	if status := a.aside(m, cancel, func() { operation(ctx, m, identifier) }); status != StatusSuccess {
		cancel(nil)
		a.refuse(m, status)
	}
}

// aside runs an operation in a goroutine of its own, or says why it may not.
func (a *Association) aside(m *incoming, cancel context.CancelCauseFunc, operation func()) Status {
	if status := a.addPerforming(m.MessageID, cancel); status != StatusSuccess {
		return status
	}
	a.tasks.Add(1)
	go func() {
		defer a.tasks.Done()
		defer a.removePerforming(m.MessageID, cancel)
		defer a.recovered()
		operation()
	}()
	return StatusSuccess
}

func (a *Association) addPerforming(id uint16, cancel context.CancelCauseFunc) Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, taken := a.performing[id]; taken {
		return StatusDuplicateInvocation
	}
	if len(a.performing) >= max(maxPerforming, a.granted) {
		return StatusResourceLimitation
	}
	a.performing[id] = cancel
	return StatusSuccess
}

// removePerforming ends an operation; after the last one the peer must speak
// again.
func (a *Association) removePerforming(id uint16, cancel context.CancelCauseFunc) {
	cancel(nil)
	a.mu.Lock()
	delete(a.performing, id)
	idle := len(a.performing) == 0 && a.role == Acceptor
	leave := idle && a.draining && !a.handling
	a.mu.Unlock()
	if idle {
		a.link.expect(a.timeouts.Idle)
	}
	if leave {
		a.fail(errShutdown)
	}
}

// cancelPerforming obeys a C-CANCEL; one that comes too late is no mistake.
func (a *Association) cancelPerforming(id uint16) {
	a.mu.Lock()
	cancel := a.performing[id]
	a.mu.Unlock()
	if cancel != nil {
		cancel(errCancelled)
	}
}

// errShutdown ends associations when their server ends.
var errShutdown = errors.New("server is shutting down")

// beginHandling is false when no further request is to be served.
func (a *Association) beginHandling() bool {
	a.mu.Lock()
	a.handling = !a.draining && a.err == nil
	ok := a.handling
	a.mu.Unlock()
	if !ok {
		a.fail(errShutdown)
	}
	return ok
}

func (a *Association) endHandling() {
	a.mu.Lock()
	a.handling = false
	leave := a.draining && len(a.performing) == 0
	a.mu.Unlock()
	if leave {
		a.fail(errShutdown)
	}
}

// drain lets the operation under way end, and aborts the association after it.
func (a *Association) drain() {
	a.mu.Lock()
	a.draining = true
	idle := !a.handling && len(a.performing) == 0
	a.mu.Unlock()
	if idle {
		a.fail(errShutdown)
	}
}

// respond answers a request; c needs no more than what is particular to it.
func (a *Association) respond(m *incoming, c *Command, data io.Reader) error {
	c.Field = m.Field | responseBit
	c.RespondedTo = m.MessageID
	c.AffectedClass = m.class()
	return a.send(m.context, c, data)
}

// refuse answers that an operation will not be performed.
func (a *Association) refuse(m *incoming, status Status) {
	if m.data != nil && !m.data.drain() {
		return
	}
	_ = a.respond(m, &Command{Status: status, AffectedInstance: cmp.Or(m.AffectedInstance, m.RequestedInstance)}, nil)
}

// respondFailure ends a query or retrieval that went wrong.
func (a *Association) respondFailure(m *incoming, err error) error {
	c := &Command{}
	if c.setOutcome(err); c.Status == StatusProcessingFailure {
		c.Status = StatusCannotUnderstand // C000: unable to process
	}
	return a.respond(m, c, nil)
}
