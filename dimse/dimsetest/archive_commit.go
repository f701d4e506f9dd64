package dimsetest

import (
	"context"
	"fmt"

	"pacsbridge/dimse"
)

// CommitFaults misbehave in storage commitment, which an archive offers where its
// field Commits is set.
type CommitFaults struct {
	Refuse Refusal // instead of taking the request
	// Fail gives the failure reason of an instance that is held; success means that
	// it is committed. Instances that are not held fail with 0112 all the same.
	Fail           func(sopInstance string, times int) dimse.Status
	Leave          Pick            // in neither list of the result
	Never          bool            // no result at all
	OwnAssociation bool            // the result comes on an association of the archive's
	Hold           <-chan struct{} // the result waits until it is closed
	Twice          bool            // the result comes two times
}

// commit takes a request for storage commitment, and reports later.
func (s *service) commit(_ context.Context, query dimse.ActionQuery, request dimse.CommitRequest) error {
	n, faults := s.times(dimse.ServiceAction, "")
	s.mu.Lock()
	s.counts.Commits++
	s.mu.Unlock()
	f := faults.Commit
	if err := f.Refuse.as(dimse.ServiceAction, n); err != nil || f.Never {
		return err
	}
	result := s.commitment(request, f)
	s.running.Go(func() {
		if f.Hold != nil {
			select {
			case <-f.Hold:
			case <-s.ctx.Done():
				return
			}
		}
		for range 1 + count(f.Twice) {
			if err := s.report(query, result, f.OwnAssociation); err != nil && s.Logger != nil {
				s.Logger.Warn("commitment not reported", "transaction", result.TransactionUID, "error", err)
			}
		}
	})
	return nil
}

func count(set bool) int {
	if set {
		return 1
	}
	return 0
}

// commitment says of each instance whether it is held.
func (s *service) commitment(request dimse.CommitRequest, f CommitFaults) dimse.CommitResult {
	result := dimse.CommitResult{TransactionUID: request.TransactionUID}
	for _, r := range request.References {
		times, _ := s.times(dimse.ServiceCommitment, r.SOPInstance)
		s.mu.Lock()
		_, held := s.held[r.SOPInstance]
		s.mu.Unlock()
		reason := dimse.StatusSuccess
		if f.Fail != nil {
			reason = f.Fail(r.SOPInstance, times)
		}
		if !held {
			reason = dimse.StatusNoSuchInstance
		}
		switch {
		case f.Leave.picks(r.SOPInstance, times):
		case reason != dimse.StatusSuccess:
			result.Failed = append(result.Failed, dimse.CommitFailure{Reference: r, Reason: reason})
		default:
			result.Committed = append(result.Committed, r)
		}
	}
	return result
}

// report sends a result on the association of the request while that is open, else
// on one of its own.
func (s *service) report(query dimse.ActionQuery, result dimse.CommitResult, own bool) error {
	if !own && query.Association.Usable() {
		if err := query.Association.ReportCommitment(s.ctx, result); err == nil || query.Association.Usable() {
			return err
		}
	}
	s.mu.Lock()
	address := s.destinations[query.CallingAE]
	s.mu.Unlock()
	if address == "" {
		return fmt.Errorf("report to %s: no address known", query.CallingAE)
	}
	dialer := dimse.Dialer{Address: address, CallingAE: s.AE, CalledAE: query.CallingAE, Timeouts: s.Timeouts}
	a, err := dialer.Dial(s.ctx, []dimse.Proposal{dimse.CommitmentReports()})
	if err != nil {
		return err
	}
	if err := a.ReportCommitment(s.ctx, result); err != nil {
		_ = a.Abort()
		return err
	}
	return a.Release(s.ctx)
}
