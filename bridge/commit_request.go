package bridge

import (
	"context"
	"fmt"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

var _ Promiser = (*Peer)(nil)

// Commit sends requests for storage commitment over one association (N-ACTION,
// PS3.4 §J.3.2). Answers come to Dialer.Events, or to our own SCP.
func (p *Peer) Commit(ctx context.Context, requests []dimse.CommitRequest) error {
	return p.with(ctx, dimse.ServiceCommitment, contexts([]string{uid.StorageCommitment}), func(a *dimse.Association) error {
		for _, r := range requests {
			err := a.Commit(ctx, r)
			if as[*dimse.NoContextError](err) || answered(notOffered)(err) {
				return &NoCommitmentError{Err: err}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// notOffered are the statuses of a PACS that knows no storage commitment, or not by us.
func notOffered(s dimse.Status) bool {
	switch s {
	case dimse.StatusNoSuchClass, dimse.StatusNoSuchInstance, dimse.StatusNoSuchAction, dimse.StatusSOPClassNotSupported,
		dimse.StatusNotAuthorized, dimse.StatusUnrecognizedOperation:
		return true
	}
	return false
}

// NoCommitmentError tells that NEW does not offer storage commitment, or did not
// take a request for it.
type NoCommitmentError struct{ Err error }

func (e *NoCommitmentError) Error() string {
	return fmt.Sprintf("no storage commitment to be had: %v", e.Err)
}

// Unwrap returns the answer of the PACS.
func (e *NoCommitmentError) Unwrap() error { return e.Err }

// Temporary is false: a person must switch it on there, or off here.
func (e *NoCommitmentError) Temporary() bool { return false }

// PendingCommitmentError tells that NEW has not answered a request for commitment yet.
type PendingCommitmentError struct {
	Objects int
	Since   time.Time
}

func (e *PendingCommitmentError) Error() string {
	return fmt.Sprintf("the new PACS has not answered the request to commit to %d objects, sent at %s", e.Objects, e.Since.UTC().Format(time.RFC3339))
}

// Temporary is true: the answer may come.
func (e *PendingCommitmentError) Temporary() bool { return true }

// UnansweredError tells that NEW has not answered within the patience.
type UnansweredError PendingCommitmentError

func (e *UnansweredError) Error() string { return (*PendingCommitmentError)(e).Error() }

// Temporary is true: an answer that comes later opens the study again.
func (e *UnansweredError) Temporary() bool { return true }

// UncommittedError tells that NEW does not commit to objects, for a reason that may
// be gone once they were sent again.
type UncommittedError struct {
	Objects int
	First   string // SOP Instance UID of the first
	Reason  dimse.Status
}

func (e *UncommittedError) Error() string {
	return fmt.Sprintf("the new PACS does not commit to %d objects, the first: %s: %s", e.Objects, e.First, e.Reason.Meaning(dimse.ServiceCommitment))
}

// UncommittableError tells that NEW never commits to objects of this class.
type UncommittableError UncommittedError

func (e *UncommittableError) Error() string { return (*UncommittedError)(e).Error() }

// Temporary is false: it would say so again.
func (e *UncommittableError) Temporary() bool { return false }
