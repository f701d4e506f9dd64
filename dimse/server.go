package dimse

import (
	"context"
	"crypto/tls"
	"io"
	"iter"
	"log/slog"
	"net"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/pdu"
)

// Server accepts associations.
type Server struct {
	AETitle         string
	Admit           func(AssociateRequest) error
	AcceptContext   func(Proposal) (transferSyntax string, ok bool)
	Handlers        Handlers
	TLS             *tls.Config
	MaxPDU          uint32
	AsyncWindow     uint16
	MaxAssociations int
	Grace           time.Duration
	Timeouts        Timeouts
	Logger          *slog.Logger
}

// Handlers perform the operations peers ask for.
type Handlers struct {
	Echo  func(context.Context, *Request) Status
	Store StoreHandler
	Find  FindHandler
	Move  MoveHandler
	Get   GetHandler
}

// Request tells who asks, on which context.
type Request struct {
	SOPClass, TransferSyntax string
	CallingAE, CalledAE      string
	RemoteAddr               net.Addr
	MessageID                uint16
}

// AssociateRequest is what a peer proposes.
type AssociateRequest struct {
	CallingAE, CalledAE   string
	RemoteAddr            net.Addr
	Proposals             []Proposal
	ImplementationUID     string
	ImplementationVersion string
	UserIdentity          *pdu.UserIdentity
	TLS                   *tls.ConnectionState
}

// Instance is a composite instance that is being received.
type Instance struct {
	SOPClass, SOPInstance, TransferSyntax string
	CallingAE, CalledAE                   string
	RemoteAddr                            net.Addr
	MoveOriginatorAE                      string
	MoveOriginatorMessageID               uint16
	Data                                  io.Reader
}

// StoreHandler keeps instances.
type StoreHandler interface {
	Store(ctx context.Context, instance *Instance) error
}

// FindQuery is a C-FIND of a peer.
type FindQuery struct {
	Request
	Identifier *dataset.Dataset
}

// FindHandler answers queries.
type FindHandler interface {
	Find(ctx context.Context, query FindQuery) iter.Seq2[*dataset.Dataset, error]
}

// MoveQuery is a C-MOVE of a peer.
type MoveQuery struct {
	Request
	Destination string
	Identifier  *dataset.Dataset
}

// MoveHandler sends instances to a third party.
type MoveHandler interface {
	Move(ctx context.Context, query MoveQuery, progress func(SubOperations)) (MoveResult, error)
}

// GetQuery is a C-GET of a peer.
type GetQuery struct {
	Request
	Identifier *dataset.Dataset
}

// GetHandler sends instances back over the same association.
type GetHandler interface {
	Get(ctx context.Context, query GetQuery, send func(context.Context, StoreRequest) (StoreResult, error), progress func(SubOperations)) (MoveResult, error)
}

// Serve accepts associations until ctx ends.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error { return ErrClosed }
