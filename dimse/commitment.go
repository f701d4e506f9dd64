package dimse

import (
	"context"
	"fmt"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// Storage commitment (PS3.4 annex J): a user asks by N-ACTION whether instances
// are kept for good, the provider answers by N-EVENT-REPORT, at once or days
// later, on the same association or on a new one.

// The action and the events of the Storage Commitment Push Model (PS3.4
// §J.3.2 and §J.3.3).
const (
	actionCommit        = 1
	eventCommitted      = 1
	eventCommitFailures = 2
)

// MaxCommitReferences is how many instances one transaction of ours may name, so
// that the result, which may give a reason for each of them, stays within what
// is decoded as a whole. Larger lists are to be split.
const MaxCommitReferences = 250

// Reference names a composite instance.
type Reference struct {
	SOPClass    string
	SOPInstance string
}

// CommitRequest asks for the commitment of instances. The transaction UID is
// the user's choice, and comes back with the result.
type CommitRequest struct {
	TransactionUID string
	References     []Reference
}

// CommitFailure is an instance that is not committed, and why: Status.Meaning
// of ServiceCommitment tells.
type CommitFailure struct {
	Reference
	Reason Status
}

// CommitResult is the outcome of a transaction. What stands in neither list has
// not been answered for.
type CommitResult struct {
	TransactionUID string
	Committed      []Reference
	Failed         []CommitFailure
}

// Commit asks the peer to commit. nil means that the request has been taken, not
// more: the result comes to Dialer.Events while this association is open, or to
// Handlers.Event of a Server, or never.
func (a *Association) Commit(ctx context.Context, r CommitRequest) error {
	if n := len(r.References); n == 0 || n > MaxCommitReferences {
		return fmt.Errorf("request commitment of %d instances: there must be 1 to %d", n, MaxCommitReferences)
	}
	_, err := a.Action(ctx, ActionRequest{
		SOPClass: uid.StorageCommitment, SOPInstance: uid.StorageCommitmentPush, ActionType: actionCommit,
		Information: dataset.New().
			SetString(dataset.TransactionUID, r.TransactionUID).
			SetSequence(dataset.ReferencedSOPSequence, referenceItems(r.References)...),
	})
	if err != nil {
		return fmt.Errorf("request commitment %s: %w", r.TransactionUID, err)
	}
	return nil
}

// ReportCommitment tells a user the outcome of its transaction.
func (a *Association) ReportCommitment(ctx context.Context, r CommitResult) error {
	information := dataset.New().SetString(dataset.TransactionUID, r.TransactionUID)
	if len(r.Committed) > 0 {
		information.SetSequence(dataset.ReferencedSOPSequence, referenceItems(r.Committed)...)
	}
	event := uint16(eventCommitted)
	if len(r.Failed) > 0 {
		event = eventCommitFailures
		items := make([]*dataset.Dataset, len(r.Failed))
		for i, f := range r.Failed {
			items[i] = referenceItem(f.Reference).SetUint16(dataset.FailureReason, uint16(f.Reason))
		}
		information.SetSequence(dataset.FailedSOPSequence, items...)
	}
	_, err := a.Report(ctx, EventReport{
		SOPClass: uid.StorageCommitment, SOPInstance: uid.StorageCommitmentPush, EventType: event, Information: information,
	})
	if err != nil {
		return fmt.Errorf("report commitment %s: %w", r.TransactionUID, err)
	}
	return nil
}

// CommitHandler is an ActionHandler that takes requests for commitment. It notes
// the request and returns; the result is reported later, by ReportCommitment on
// query.Association or on an association of its own, proposed by
// CommitmentReports.
type CommitHandler func(ctx context.Context, query ActionQuery, request CommitRequest) error

var _ ActionHandler = CommitHandler(nil)

// Action implements ActionHandler.
func (h CommitHandler) Action(ctx context.Context, query ActionQuery) (*dataset.Dataset, error) {
	switch {
	case query.SOPClass != uid.StorageCommitment:
		return nil, &StatusError{Service: ServiceAction, Status: StatusNoSuchClass}
	case query.SOPInstance != uid.StorageCommitmentPush:
		return nil, &StatusError{Service: ServiceAction, Status: StatusNoSuchInstance}
	case query.ActionType != actionCommit:
		return nil, &StatusError{Service: ServiceAction, Status: StatusNoSuchAction}
	}
	request := CommitRequest{
		TransactionUID: query.Information.String(dataset.TransactionUID),
		References:     referencesOf(query.Information.Sequence(dataset.ReferencedSOPSequence)),
	}
	if request.TransactionUID == "" || len(request.References) == 0 {
		return nil, &StatusError{Service: ServiceAction, Status: StatusInvalidArgument}
	}
	return nil, h(ctx, query, request)
}

// CommitResults is an EventHandler that takes results of storage commitment.
// An error is answered to the provider, which may then report once more.
type CommitResults func(ctx context.Context, request Request, result CommitResult) error

var _ EventHandler = CommitResults(nil)

// Event implements EventHandler.
func (h CommitResults) Event(ctx context.Context, query EventQuery) (*dataset.Dataset, error) {
	switch {
	case query.SOPClass != uid.StorageCommitment:
		return nil, &StatusError{Service: ServiceEvent, Status: StatusNoSuchClass}
	case query.EventType != eventCommitted && query.EventType != eventCommitFailures:
		return nil, &StatusError{Service: ServiceEvent, Status: StatusNoSuchEventType}
	}
	result := CommitResult{
		TransactionUID: query.Information.String(dataset.TransactionUID),
		Committed:      referencesOf(query.Information.Sequence(dataset.ReferencedSOPSequence)),
	}
	if result.TransactionUID == "" {
		return nil, &StatusError{Service: ServiceEvent, Status: StatusInvalidArgument}
	}
	for _, item := range query.Information.Sequence(dataset.FailedSOPSequence) {
		reason, _ := item.Int(dataset.FailureReason)
		result.Failed = append(result.Failed, CommitFailure{Reference: referenceOf(item), Reason: Status(reason)})
	}
	return nil, h(ctx, query.Request, result)
}

// CommitmentReports is what a provider proposes to report results on an
// association of its own: the role of the provider, and that alone (PS3.4
// §J.3.3, PS3.7 §D.3.3.4).
func CommitmentReports() Proposal {
	return Proposal{
		SOPClass: uid.StorageCommitment, TransferSyntaxes: []string{uid.ExplicitLE, uid.ImplicitLE},
		SCPRole: true, NoSCURole: true,
	}
}

func referenceItem(r Reference) *dataset.Dataset {
	return dataset.New().
		SetString(dataset.ReferencedSOPClassUID, r.SOPClass).
		SetString(dataset.ReferencedSOPInstanceUID, r.SOPInstance)
}

func referenceItems(references []Reference) []*dataset.Dataset {
	items := make([]*dataset.Dataset, len(references))
	for i, r := range references {
		items[i] = referenceItem(r)
	}
	return items
}

func referenceOf(item *dataset.Dataset) Reference {
	return Reference{
		SOPClass:    item.String(dataset.ReferencedSOPClassUID),
		SOPInstance: item.String(dataset.ReferencedSOPInstanceUID),
	}
}

func referencesOf(items []*dataset.Dataset) []Reference {
	references := make([]Reference, len(items))
	for i, item := range items {
		references[i] = referenceOf(item)
	}
	return references
}
