package dimse

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"pacsbridge/dimse/dataset"
)

// cancelGrace is how long a peer may take to end an operation after its
// context has ended and a C-CANCEL has been sent.
const cancelGrace = 3 * time.Second

// MoveRequest is a C-MOVE (PS3.7 §9.1.4).
type MoveRequest struct {
	SOPClass    string
	Destination string // AE title
	Identifier  *dataset.Dataset
	Priority    Priority
	// Started is called with the message ID before the first answer is read:
	// the peer's C-STOREs may carry it as Move Originator Message ID.
	Started func(messageID uint16)
	// Progress is called for every pending answer.
	Progress func(SubOperations)
	// Alive, when set, tells when the last instance of this retrieval arrived
	// at its destination. Many archives send no pending answers while they send
	// instances: the time-out for a silent peer is counted from then.
	Alive func() time.Time
}

// SubOperations counts the instances of a C-MOVE or C-GET. -1 means that the
// peer did not tell: unknown is not zero.
type SubOperations struct {
	Remaining, Completed, Failed, Warning int
}

// unknownSubOperations is what a peer tells that tells nothing.
var unknownSubOperations = SubOperations{Remaining: -1, Completed: -1, Failed: -1, Warning: -1}

// MoveResult is the outcome of a C-MOVE or C-GET. Neither its status nor its
// counts prove that anything has arrived.
type MoveResult struct {
	Status Status
	SubOperations
	FailedUIDs []string
	MessageID  uint16
}

// Move asks the peer to send instances to a third AE. Statuses that mean
// failure are *StatusError; B000 (some sub-operations failed) is a result of
// class Warning. When ctx ends a C-CANCEL is sent, and the association stays
// usable if the peer obeys soon.
func (a *Association) Move(ctx context.Context, r MoveRequest) (MoveResult, error) {
	cmd := &Command{
		Field: CMoveRQ, AffectedClass: r.SOPClass, Priority: r.Priority, HasData: true,
		MoveDestination: r.Destination,
	}
	result, err := a.retrieve(ctx, cmd, retrieval{r.Identifier, r.Started, r.Progress, r.Alive})
	if err != nil {
		return result, fmt.Errorf("move: %w", err)
	}
	return result, nil
}

// retrieval is what C-MOVE and C-GET have in common.
type retrieval struct {
	identifier *dataset.Dataset
	started    func(messageID uint16)
	progress   func(SubOperations)
	alive      func() time.Time
}

// retrieve runs a C-MOVE or C-GET to its end.
func (a *Association) retrieve(ctx context.Context, cmd *Command, r retrieval) (MoveResult, error) {
	result := MoveResult{SubOperations: unknownSubOperations}
	pc, err := a.firstContext(cmd.AffectedClass)
	if err != nil {
		return result, err
	}
	b, err := encodeIdentifier(r.identifier, pc)
	if err != nil {
		return result, err
	}
	inv, err := a.invoke(ctx, pc, cmd, bytes.NewReader(b))
	if err != nil {
		return result, err
	}
	defer a.finish(inv)
	result.MessageID = inv.id
	inv.alive = r.alive
	if r.started != nil {
		r.started(inv.id)
	}
	for {
		answer, err := a.awaitOrCancel(ctx, inv)
		if err != nil {
			return result, err
		}
		result.take(answer, pc.TransferSyntax)
		if answer.Status.Class() != Pending {
			return result, result.outcome(answer, serviceOfResponse[inv.want])
		}
		if r.progress != nil {
			r.progress(result.SubOperations)
		}
	}
}

var serviceOfResponse = map[CommandField]Service{CMoveRSP: ServiceMove, CGetRSP: ServiceGet}

// awaitOrCancel is await, but an end of ctx cancels the operation in good
// manners before the association is given up.
func (a *Association) awaitOrCancel(ctx context.Context, inv *invocation) (answer, error) {
	r, err := a.await(ctx, inv)
	if err == nil {
		return r, nil
	}
	if ctx.Err() != nil {
		grace, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
		defer stop()
		_ = a.cancelAndDrain(grace, inv)
	} else {
		a.fail(err)
	}
	return answer{}, err
}

// take keeps the counts and the failed UIDs an answer tells. A list that cannot
// be read is a hint lost, no more.
func (r *MoveResult) take(answer answer, transferSyntax string) {
	r.Status = answer.Status
	if n := answer.SubOperations; n != nil {
		r.SubOperations.merge(*n)
	}
	if len(answer.identifier) == 0 {
		return
	}
	if list, err := dataset.Decode(answer.identifier, transferSyntax); err == nil {
		r.FailedUIDs = list.Strings(dataset.FailedSOPInstanceUIDList)
	}
}

// merge keeps what is known where the newer answer tells nothing.
func (n *SubOperations) merge(newer SubOperations) {
	for _, pair := range [][2]*int{
		{&n.Remaining, &newer.Remaining}, {&n.Completed, &newer.Completed},
		{&n.Failed, &newer.Failed}, {&n.Warning, &newer.Warning},
	} {
		if *pair[1] >= 0 {
			*pair[0] = *pair[1]
		}
	}
}

// outcome makes the error of a final answer.
func (r *MoveResult) outcome(answer answer, of Service) error {
	switch answer.Status.Class() {
	case Success, Warning:
		return nil
	}
	err := answer.failure(of)
	err.FailedUIDs = r.FailedUIDs
	return err
}

// MoveQuery is a C-MOVE of a peer.
type MoveQuery struct {
	Request
	Destination string
	Identifier  *dataset.Dataset
}

// MoveHandler sends instances to a third AE. It calls progress whenever it
// likes to tell the peer how far it is. The result's counts and failed UIDs go
// into the final answer; its status too, unless that is zero: then it follows
// from the counts (0000, or B000 when some failed). An error answers with its
// status when it is a *StatusError, else with C000. ctx ends with the
// association or with a C-CANCEL, after which the handler should stop and
// return what was done; the answer is then FE00.
type MoveHandler interface {
	Move(ctx context.Context, query MoveQuery, progress func(SubOperations)) (MoveResult, error)
}

func (a *Association) serveMove(ctx context.Context, m *incoming, identifier *dataset.Dataset) {
	query := MoveQuery{Request: a.request(m), Destination: m.MoveDestination, Identifier: identifier}
	result, err := a.handlers.Move.Move(ctx, query, a.pendingTeller(m))
	a.respondRetrieve(ctx, m, result, err)
}

// pendingTeller sends a pending answer for each progress.
func (a *Association) pendingTeller(m *incoming) func(SubOperations) {
	return func(n SubOperations) {
		_ = a.respond(m, &Command{Status: StatusPending, SubOperations: &n}, nil)
	}
}

// respondRetrieve sends the final answer of a C-MOVE or C-GET.
func (a *Association) respondRetrieve(ctx context.Context, m *incoming, result MoveResult, err error) {
	if err != nil && ctx.Err() == nil {
		_ = a.respondFailure(m, err)
		return
	}
	response := &Command{Status: result.Status, SubOperations: &result.SubOperations}
	switch {
	case ctx.Err() != nil:
		response.Status = StatusCancelled
	case result.Status == StatusSuccess && result.Failed > 0:
		response.Status = StatusCoercion // B000, which here means: some failed
	}
	if response.Status == StatusSuccess || response.Status == StatusCoercion {
		response.SubOperations.Remaining = -1 // only in pending and cancelled answers, PS3.4 §C.4.2.1.6
	}
	if len(result.FailedUIDs) == 0 {
		_ = a.respond(m, response, nil)
		return
	}
	list := dataset.New().SetString(dataset.FailedSOPInstanceUIDList, result.FailedUIDs...)
	b, err := encodeIdentifier(list, m.context)
	if err != nil {
		_ = a.respond(m, response, nil)
		return
	}
	response.HasData = true
	_ = a.respond(m, response, bytes.NewReader(b))
}
