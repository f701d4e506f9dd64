package dimse

import (
	"context"
	"fmt"

	"pacsbridge/dimse/dataset"
)

// EventReport is an N-EVENT-REPORT (PS3.7 §10.1.1): what the provider of a
// service tells its user. It goes over the association that the user opened, or
// over one of the provider's own, opened with a Proposal in the provider's role.
type EventReport struct {
	SOPClass    string
	SOPInstance string
	EventType   uint16
	Information *dataset.Dataset // nil: none is sent
}

// Report tells the peer of an event. A status that means failure is a
// *StatusError. Where the peer has declined the provider's role to us nothing is
// sent: a *NoContextError.
func (a *Association) Report(ctx context.Context, r EventReport) (ActionResult, error) {
	if a.role == Requestor && a.declined(r.SOPClass) {
		return ActionResult{}, fmt.Errorf("report event %d of %s: %w", r.EventType, r.SOPInstance, &NoContextError{SOPClass: r.SOPClass, Role: true})
	}
	result, err := a.normalized(ctx, &Command{
		Field: NEventReportRQ, AffectedClass: r.SOPClass, AffectedInstance: r.SOPInstance, EventType: r.EventType,
	}, r.SOPClass, r.Information, ServiceEvent)
	if err != nil {
		return result, fmt.Errorf("report event %d of %s: %w", r.EventType, r.SOPInstance, err)
	}
	return result, nil
}

// EventQuery is an N-EVENT-REPORT of a peer.
type EventQuery struct {
	Request
	SOPInstance string
	EventType   uint16
	Information *dataset.Dataset // empty when none was sent
}

// EventHandler takes event reports: those on associations that peers open
// (Handlers.Event) and those on associations that we opened (Dialer.Events).
// What it returns is answered as with an ActionHandler.
type EventHandler interface {
	Event(ctx context.Context, query EventQuery) (reply *dataset.Dataset, err error)
}

func (a *Association) serveEvent(ctx context.Context, m *incoming, information *dataset.Dataset) {
	reply, err := a.handlers.Event.Event(ctx, EventQuery{
		Request: a.request(m), SOPInstance: m.AffectedInstance, EventType: m.EventType, Information: information,
	})
	a.respondNormalized(m, &Command{AffectedInstance: m.AffectedInstance, EventType: m.EventType}, reply, err)
}
