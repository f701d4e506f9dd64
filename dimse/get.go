package dimse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pacsbridge/dimse/dataset"
)

// GetRequest is a C-GET (PS3.7 §9.1.3). The association must have been opened
// with proposals of the storage classes to be received, SCPRole set.
type GetRequest struct {
	SOPClass   string
	Identifier *dataset.Dataset
	Priority   Priority
	Progress   func(SubOperations)
}

// errGetRunning: a second C-GET would not know which instances are its own.
var errGetRunning = errors.New("another C-GET is under way on this association")

// Get asks the peer to send instances over this association; into receives
// them. Otherwise it is like Move. The handler must not call methods of this
// association.
func (a *Association) Get(ctx context.Context, r GetRequest, into StoreHandler) (MoveResult, error) {
	if !a.receiveInto(into) {
		return MoveResult{SubOperations: unknownSubOperations}, errGetRunning
	}
	defer a.receiveInto(nil)
	cmd := &Command{Field: CGetRQ, AffectedClass: r.SOPClass, Priority: r.Priority, HasData: true}
	result, err := a.retrieve(ctx, cmd, retrieval{identifier: r.Identifier, progress: r.Progress, alive: a.lastStored})
	if err != nil {
		return result, fmt.Errorf("get: %w", err)
	}
	return result, nil
}

// receiveInto sets who takes the instances that come; nil ends it.
func (a *Association) receiveInto(handler StoreHandler) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if handler != nil && a.receiver != nil {
		return false
	}
	a.receiver = handler
	return true
}

// lastStored is when the last instance of a C-GET arrived: now, while one is being
// taken, since the link has its own patience with the rest of it.
func (a *Association) lastStored() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.handling {
		return time.Now()
	}
	return a.stored
}

// GetQuery is a C-GET of a peer.
type GetQuery struct {
	Request
	Identifier *dataset.Dataset
}

// GetHandler sends instances back over the same association, by send. The rest
// is as in MoveHandler.
type GetHandler interface {
	Get(ctx context.Context, query GetQuery, send func(context.Context, StoreRequest) (StoreResult, error),
		progress func(SubOperations)) (MoveResult, error)
}

func (a *Association) serveGet(ctx context.Context, m *incoming, identifier *dataset.Dataset) {
	query := GetQuery{Request: a.request(m), Identifier: identifier}
	result, err := a.handlers.Get.Get(ctx, query, a.Store, a.pendingTeller(m))
	a.respondRetrieve(ctx, m, result, err)
}
