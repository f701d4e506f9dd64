package dimse

import (
	"bytes"
	"context"
	"fmt"

	"pacsbridge/dimse/dataset"
)

// ActionRequest is an N-ACTION (PS3.7 §10.1.4).
type ActionRequest struct {
	SOPClass    string
	SOPInstance string
	ActionType  uint16
	Information *dataset.Dataset // nil: none is sent
}

// ActionResult is the peer's answer to an N-ACTION.
type ActionResult struct {
	Status  Status
	Comment string
	Reply   *dataset.Dataset // nil: there was none
}

// Action asks the peer to do something with an instance. A status that means
// failure is a *StatusError.
func (a *Association) Action(ctx context.Context, r ActionRequest) (ActionResult, error) {
	result, err := a.normalized(ctx, &Command{
		Field: NActionRQ, RequestedClass: r.SOPClass, RequestedInstance: r.SOPInstance, ActionType: r.ActionType,
	}, r.SOPClass, r.Information, ServiceAction)
	if err != nil {
		return result, fmt.Errorf("action %d on %s: %w", r.ActionType, r.SOPInstance, err)
	}
	return result, nil
}

// normalized runs an operation of the DIMSE-N services (PS3.7 §10).
func (a *Association) normalized(ctx context.Context, cmd *Command, sopClass string, information *dataset.Dataset, of Service) (ActionResult, error) {
	pc, err := a.firstContext(sopClass)
	if err != nil {
		return ActionResult{}, err
	}
	inv, err := a.invokeWith(ctx, pc, cmd, information)
	if err != nil {
		return ActionResult{}, err
	}
	defer a.finish(inv)
	answer, err := a.await(ctx, inv)
	if err != nil {
		a.fail(err)
		return ActionResult{}, err
	}
	result := ActionResult{Status: answer.Status, Comment: answer.Comment}
	if class := answer.Status.Class(); class != Success && class != Warning {
		return result, answer.failure(of)
	}
	if answer.HasData {
		if result.Reply, err = dataset.Decode(answer.identifier, pc.TransferSyntax); err != nil {
			return result, fmt.Errorf("decode the reply: %w", err)
		}
	}
	return result, nil
}

// invokeWith sends a request with a small data set, or without one.
func (a *Association) invokeWith(ctx context.Context, pc Context, cmd *Command, d *dataset.Dataset) (*invocation, error) {
	if d == nil {
		return a.invoke(ctx, pc, cmd, nil)
	}
	b, err := encodeIdentifier(d, pc)
	if err != nil {
		return nil, err
	}
	if len(b) > maxIdentifierLength {
		return nil, fmt.Errorf("a data set of %d bytes where %d are the most: %w", len(b), maxIdentifierLength, dataset.ErrTooLarge)
	}
	cmd.HasData = true
	return a.invoke(ctx, pc, cmd, bytes.NewReader(b))
}

// ActionQuery is an N-ACTION of a peer.
type ActionQuery struct {
	Request
	SOPInstance string
	ActionType  uint16
	Information *dataset.Dataset // empty when none was sent
	// Association is the one it came over: what follows from the action may be
	// reported on it, after the handler has returned and while the peer keeps it
	// open.
	Association *Association
}

// ActionHandler performs actions. reply, when there is one, goes back with the
// answer. nil answers 0000, a *StatusError its own status, any other error 0110
// (processing failure). ctx ends with the association, and when the handler has
// returned: what is reported later needs one of its own.
type ActionHandler interface {
	Action(ctx context.Context, query ActionQuery) (reply *dataset.Dataset, err error)
}

func (a *Association) serveAction(ctx context.Context, m *incoming, information *dataset.Dataset) {
	reply, err := a.handlers.Action.Action(ctx, ActionQuery{
		Request: a.request(m), SOPInstance: m.RequestedInstance, ActionType: m.ActionType, Information: information, Association: a,
	})
	a.respondNormalized(m, &Command{AffectedInstance: m.RequestedInstance, ActionType: m.ActionType}, reply, err)
}

// respondNormalized answers an operation of the DIMSE-N services.
func (a *Association) respondNormalized(m *incoming, response *Command, reply *dataset.Dataset, err error) {
	response.setOutcome(err)
	if reply == nil || err != nil {
		_ = a.respond(m, response, nil)
		return
	}
	b, err := encodeIdentifier(reply, m.context)
	if err != nil {
		response.setOutcome(err)
		_ = a.respond(m, response, nil)
		return
	}
	response.HasData = true
	_ = a.respond(m, response, bytes.NewReader(b))
}
