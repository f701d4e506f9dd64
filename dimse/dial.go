package dimse

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"
)

// Timeouts bounds every wait. The zero value means the defaults.
type Timeouts struct {
	Connect  time.Duration // TCP and TLS set-up; 10 s
	ARTIM    time.Duration // association set-up and release; 30 s
	Response time.Duration // longest silence while an answer is awaited; 60 s
	Idle     time.Duration // longest silence of a peer that should speak; 60 s
}

// Dialer requests associations.
type Dialer struct {
	Address   string // host:port
	CallingAE string
	CalledAE  string
	TLS       *tls.Config // nil: plain TCP
	MaxPDU    uint32      // longest P-DATA-TF PDU we ask for; 0: 128 KiB
	// AsyncWindow is the number of operations we ask to have open at once
	// (PS3.7 §D.3.3.3); 0 or 1: one at a time.
	AsyncWindow uint16
	Timeouts    Timeouts
	Logger      *slog.Logger
}

// Dial connects, negotiates the proposals and returns an association.
func (d *Dialer) Dial(ctx context.Context, proposals []Proposal) (*Association, error) {
	return nil, ErrClosed
}
