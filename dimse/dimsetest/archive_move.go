package dimsetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
)

// Move sends what the query names to a known destination.
func (s *service) Move(ctx context.Context, query dimse.MoveQuery, progress func(dimse.SubOperations)) (dimse.MoveResult, error) {
	s.mu.Lock()
	s.counts.Moves++
	address, known := s.destinations[query.Destination]
	s.mu.Unlock()
	r, err := s.retrieve(dimse.ServiceMove, query.Request, query.Identifier, progress)
	if err != nil {
		return dimse.MoveResult{}, err
	}
	if !known {
		return dimse.MoveResult{}, &dimse.StatusError{
			Service: dimse.ServiceMove, Status: dimse.StatusMoveDestination,
			Comment: "unknown destination " + query.Destination,
		}
	}
	dialer := &dimse.Dialer{
		Address: address, CallingAE: s.AE, CalledAE: query.Destination, Timeouts: s.Timeouts, Logger: s.Logger,
	}
	r.sendAll(ctx, func(ctx context.Context, batch []*held) sender { return dialFor(ctx, dialer, batch) })
	if len(r.late) > 0 {
		s.running.Go(func() { r.sendLate(dialer) })
	}
	return r.result(ctx)
}

// Get sends what the query names back over the association it came on.
func (s *service) Get(ctx context.Context, query dimse.GetQuery, send func(context.Context, dimse.StoreRequest) (dimse.StoreResult, error), progress func(dimse.SubOperations)) (dimse.MoveResult, error) {
	s.mu.Lock()
	s.counts.Gets++
	s.mu.Unlock()
	r, err := s.retrieve(dimse.ServiceGet, query.Request, query.Identifier, progress)
	if err != nil {
		return dimse.MoveResult{}, err
	}
	r.sendAll(ctx, func(context.Context, []*held) sender { return sender{store: send, release: func() {}} })
	return r.result(ctx)
}

// A retrieve is one C-MOVE or C-GET while it runs.
type retrieve struct {
	s        *service
	service  dimse.Service
	request  dimse.Request
	number   int // of this retrieve, counted from 1
	faults   MoveFaults
	selected []*held
	progress func(dimse.SubOperations)

	counts dimse.SubOperations
	failed []string
	late   []*held
}

// retrieve finds what a query names, or answers why not.
func (s *service) retrieve(service dimse.Service, request dimse.Request, identifier *dataset.Dataset, progress func(dimse.SubOperations)) (*retrieve, error) {
	n, faults := s.times(service, "")
	if err := faults.Move.Refuse.as(service, n); err != nil {
		return nil, err
	}
	levels, err := levelsOf(request.SOPClass, identifier)
	if err != nil {
		return nil, &dimse.StatusError{Service: service, Status: dimse.StatusIdentifierMismatch, Comment: err.Error()}
	}
	r := &retrieve{s: s, service: service, request: request, number: n, faults: faults.Move, progress: progress}
	r.selected = s.named(identifier, levels)
	r.counts.Remaining = len(r.selected) + len(r.faults.Extra)
	return r, nil
}

// named lists the instances that carry the identifier's unique keys, each of
// which may be a list of UIDs (PS3.4 §C.4.2.1.4.1).
func (s *service) named(identifier *dataset.Dataset, levels []level) []*held {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*held
	for _, h := range s.inStudies(identifier.Strings(dataset.StudyInstanceUID)) {
		named := true
		for i, l := range levels {
			values := identifier.Strings(l.key)
			absent := len(values) == 0 && i < len(levels)-1 // as relational archives allow
			named = named && (absent || slices.Contains(values, h.head.String(l.key)))
		}
		if named {
			list = append(list, h)
		}
	}
	return list
}

// sendAll performs the sub-operations, one after the other. A C-CANCEL, or the
// end of the association, takes effect between two of them.
func (r *retrieve) sendAll(ctx context.Context, open func(context.Context, []*held) sender) {
	list := slices.Clone(r.selected)
	for _, o := range r.faults.Extra {
		list = append(list, &held{Object: o})
	}
	for _, batch := range batches(list) {
		to := open(r.s.ctx, batch)
		for _, h := range batch {
			if ctx.Err() != nil && !r.faults.IgnoreCancel {
				break
			}
			r.perform(r.s.ctx, to, h)
		}
		to.release()
	}
}

// perform is one sub-operation, or the fault in its place.
func (r *retrieve) perform(ctx context.Context, to sender, h *held) {
	times, _ := r.s.times(r.service, h.SOPInstance)
	f, uid := r.faults, h.SOPInstance
	switch {
	case f.Withhold.picks(uid, times):
		r.count(uid, nil)
	case f.Fail.picks(uid, times):
		r.count(uid, fmt.Errorf("scripted failure"))
	case f.Late.picks(uid, times):
		r.late = append(r.late, h)
		r.count(uid, nil)
	case f.Twice.picks(uid, times):
		r.send(ctx, to, h.Object)
		r.count(uid, r.send(ctx, to, h.Object))
	case f.Alter.picks(uid, times):
		r.count(uid, r.send(ctx, to, altered(h.Object)))
	case f.FreshUIDs:
		r.count(uid, r.send(ctx, to, renamed(h.Object, r.number)))
	default:
		r.count(uid, r.send(ctx, to, h.Object))
	}
	done := r.counts.Completed + r.counts.Failed + r.counts.Warning
	if f.AbortAfter > 0 && done == f.AbortAfter && (f.AbortMoves == 0 || r.number <= f.AbortMoves) {
		r.s.conns.cut(r.request.RemoteAddr)
	}
	r.progress(r.reported())
}

func (r *retrieve) send(ctx context.Context, to sender, o Object) error {
	if o.Tail == nil && o.Size != int64(len(o.Data)) {
		return errNotKept
	}
	request := dimse.StoreRequest{
		SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, TransferSyntax: o.TransferSyntax,
		Data: o.Reader(), Size: o.Size,
	}
	if r.service == dimse.ServiceMove {
		request.MoveOriginatorAE, request.MoveOriginatorMessageID = r.request.CallingAE, r.request.MessageID
	}
	_, err := to.store(ctx, request)
	return err
}

// sendLate sends what was kept back, after the final response.
func (r *retrieve) sendLate(dialer *dimse.Dialer) {
	timer := time.NewTimer(r.faults.LateBy)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.s.ctx.Done():
		return
	}
	for _, batch := range batches(r.late) {
		to := dialFor(r.s.ctx, dialer, batch)
		for _, h := range batch {
			r.send(r.s.ctx, to, h.Object)
		}
		to.release()
	}
}

// count notes the outcome of one sub-operation.
func (r *retrieve) count(sopInstance string, err error) {
	r.counts.Remaining--
	if err != nil {
		r.counts.Failed++
		r.failed = append(r.failed, sopInstance)
		return
	}
	r.counts.Completed++
}

// reported is what responses say about the sub-operations.
func (r *retrieve) reported() dimse.SubOperations {
	if r.faults.OmitCounts {
		return noCounts
	}
	return r.counts
}

// noCounts leaves the numbers of sub-operations out of a response.
var noCounts = dimse.SubOperations{Remaining: -1, Completed: -1, Failed: -1, Warning: -1}

// result is the final response (PS3.4 §C.4.2.1.5).
func (r *retrieve) result(ctx context.Context) (dimse.MoveResult, error) {
	if r.faults.NoFinal {
		<-ctx.Done()
		return dimse.MoveResult{}, ctx.Err()
	}
	result := dimse.MoveResult{SubOperations: r.reported(), FailedUIDs: r.failed}
	if r.faults.OmitList {
		result.FailedUIDs = nil
	}
	switch {
	case r.faults.Success:
		return dimse.MoveResult{SubOperations: noCounts}, nil
	case r.faults.Status != dimse.StatusSuccess:
		result.Status = r.faults.Status
	case ctx.Err() != nil:
		result.Status = dimse.StatusCancelled
	case r.counts.Failed > 0 && r.counts.Completed == 0:
		result.Status = dimse.StatusCannotPerformSubOps
	case r.counts.Failed > 0:
		result.Status = dimse.StatusCoercion // B000: complete, with failures
	}
	return result, nil
}
