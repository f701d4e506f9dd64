package dimse

import (
	"context"
	"io"
	"iter"

	"pacsbridge/dimse/dataset"
)

// Priority of an operation (PS3.7 §E.1).
type Priority uint16

const (
	PriorityMedium Priority = 0
	PriorityHigh   Priority = 1
	PriorityLow    Priority = 2
)

// FindRequest is a C-FIND.
type FindRequest struct {
	SOPClass   string
	Identifier *dataset.Dataset
	Priority   Priority
}

// MoveRequest is a C-MOVE.
type MoveRequest struct {
	SOPClass    string
	Destination string
	Identifier  *dataset.Dataset
	Priority    Priority
	Started     func(messageID uint16)
	Progress    func(SubOperations)
}

// SubOperations counts; -1 means absent.
type SubOperations struct{ Remaining, Completed, Failed, Warning int }

// MoveResult is the outcome of a C-MOVE or C-GET.
type MoveResult struct {
	Status Status
	SubOperations
	FailedUIDs []string
	MessageID  uint16
}

// StoreRequest is a C-STORE.
type StoreRequest struct {
	SOPClass, SOPInstance, TransferSyntax string
	Data                                  io.Reader
	Size                                  int64
	Priority                              Priority
	MoveOriginatorAE                      string
	MoveOriginatorMessageID               uint16
}

// StoreResult is the peer's answer to a C-STORE.
type StoreResult struct {
	Status            Status
	Comment           string
	OffendingElements []dataset.Tag
}

// GetRequest is a C-GET.
type GetRequest struct {
	SOPClass   string
	Identifier *dataset.Dataset
	Priority   Priority
	Progress   func(SubOperations)
}

func (s Status) Class() StatusClass        { return Success }
func (s Status) Meaning(of Service) string { return s.String() }
func (s Status) Retry(of Service) bool     { return false }

func (a *Association) Accepted(sopClass string) []Context { return nil }
func (a *Association) Context(sopClass, transferSyntax string) (Context, bool) {
	return Context{}, false
}
func (a *Association) Echo(ctx context.Context) error { return ErrClosed }
func (a *Association) Find(ctx context.Context, r FindRequest) iter.Seq2[*dataset.Dataset, error] {
	return nil
}
func (a *Association) Move(ctx context.Context, r MoveRequest) (MoveResult, error) {
	return MoveResult{}, ErrClosed
}
func (a *Association) Store(ctx context.Context, r StoreRequest) (StoreResult, error) {
	return StoreResult{}, ErrClosed
}
func (a *Association) Get(ctx context.Context, r GetRequest, into StoreHandler) (MoveResult, error) {
	return MoveResult{}, ErrClosed
}
func (a *Association) Release(ctx context.Context) error { return ErrClosed }
func (a *Association) Abort() error                      { return ErrClosed }
func (a *Association) Usable() bool                      { return false }
func (a *Association) CallingAE() string                 { return "" }
func (a *Association) CalledAE() string                  { return "" }
