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

// performance is an operation in a goroutine of its own. Its message ID is free
// once the last answer is sent, a moment before the goroutine ends (PS3.7
// §9.1.1.1.1: unique among the messages outstanding).
type performance struct{ cancel context.CancelCauseFunc }

// aside runs an operation in a goroutine of its own, or says why it may not.
func (a *Association) aside(m *incoming, cancel context.CancelCauseFunc, operation func()) Status {
	m.performance = &performance{cancel: cancel}
	if status := a.addPerforming(m); status != StatusSuccess {
		m.performance = nil
		return status
	}
	a.tasks.Add(1)
	go func() {
		defer a.tasks.Done()
		defer a.endPerforming(m)
		defer a.recovered()
		operation()
	}()
	return StatusSuccess
}

func (a *Association) addPerforming(m *incoming) Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, taken := a.performing[m.MessageID]; taken {
		return StatusDuplicateInvocation
	}
	// Those that only have their last answer to send still cost a goroutine each.
	if limit := max(maxPerforming, a.granted); len(a.performing) >= limit || a.running >= 2*limit {
		return StatusResourceLimitation
	}
	a.performing[m.MessageID] = m.performance
	a.running++
	return StatusSuccess
}

// freeMessageID comes before the last answer to a message is sent.
func (a *Association) freeMessageID(m *incoming) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m.performance != nil && a.performing[m.MessageID] == m.performance {
		delete(a.performing, m.MessageID)
	}
}

// endPerforming ends an operation; after the last one the peer must speak
// again.
func (a *Association) endPerforming(m *incoming) {
	m.performance.cancel(nil)
	a.freeMessageID(m)
	a.mu.Lock()
	a.running--
	idle := a.running == 0 && a.role == Acceptor
	leave := idle && a.draining && !a.handling
	if idle {
		a.link.expect(a.timeouts.Idle)
	}
	a.mu.Unlock()
	if leave {
		a.fail(errShutdown)
	}
}

// cancelPerforming obeys a C-CANCEL; one that comes too late is no mistake.
func (a *Association) cancelPerforming(id uint16) {
	a.mu.Lock()
	p := a.performing[id]
	a.mu.Unlock()
	if p != nil {
		p.cancel(errCancelled)
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
	a.handling, a.stored = false, time.Now()
	leave := a.draining && a.running == 0
	a.mu.Unlock()
	if leave {
		a.fail(errShutdown)
	}
}

// drain lets the operation under way end, and aborts the association after it.
func (a *Association) drain() {
	a.mu.Lock()
	a.draining = true
	idle := !a.handling && a.running == 0
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
	if c.Status.Class() != Pending {
		a.freeMessageID(m)
	}
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
