package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"pacsbridge/conf"
	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// peer is one of the two PACS of the settings, by the name an operator calls
// it.
type peer struct {
	name string // "old" or "new"
	conf.Peer
	callingAE    string
	certificates dimse.Certificates // nil: any certificate for its address will do
}

// peerOf is one of the two PACS.
func peerOf(name string, s *conf.Settings, p conf.Peer) peer {
	return peer{name, p, s.Node.AETitle, certificatesOf(s.Node)}
}

// peers are the PACS that the command line names; both when it names none.
func peers(s *conf.Settings, names []string) ([]peer, error) {
	old := peerOf("old", s, s.Old.Peer)
	new := peerOf("new", s, s.New.Peer)
	if len(names) == 0 {
		return []peer{old, new}, nil
	}
	var chosen []peer
	for _, name := range names {
		switch name {
		case "old":
			chosen = append(chosen, old)
		case "new":
			chosen = append(chosen, new)
		default:
			return nil, usagef("%q is neither old nor new", name)
		}
	}
	return chosen, nil
}

// dialer calls the peer the way the settings say.
func (p peer) dialer(log *slog.Logger) (*dimse.Dialer, error) {
	config, err := clientTLS(p.TLS, p.Address)
	if err != nil {
		return nil, fmt.Errorf("prepare TLS to the %s PACS: %w", p.name, err)
	}
	if config != nil && p.certificates != nil {
		config.VerifyConnection = p.certificates.Peer(p.AETitle)
	}
	return &dimse.Dialer{
		Address:   p.Address,
		CallingAE: p.callingAE,
		CalledAE:  p.AETitle,
		TLS:       config,
		Logger:    log.With("peer", p.name),
	}, nil
}

// dial opens an association for the given SOP classes, each in the two
// uncompressed little endian syntaxes.
func (p peer) dial(ctx context.Context, log *slog.Logger, sopClasses ...string) (*dimse.Association, error) {
	dialer, err := p.dialer(log)
	if err != nil {
		return nil, err
	}
	association, err := dialer.Dial(ctx, proposeUncompressed(sopClasses))
	if err != nil {
		return nil, p.explain(err)
	}
	return association, nil
}

// proposeUncompressed asks for one presentation context a SOP class.
func proposeUncompressed(sopClasses []string) []dimse.Proposal {
	proposals := make([]dimse.Proposal, len(sopClasses))
	for i, class := range sopClasses {
		proposals[i] = dimse.Proposal{SOPClass: class, TransferSyntaxes: []string{uid.ExplicitLE, uid.ImplicitLE}}
	}
	return proposals
}

// explain adds to an error of the peer's whose it is and what may help.
func (p peer) explain(err error) error {
	if err == nil {
		return nil
	}
	return withHint(fmt.Errorf("%s PACS %s at %s: %w", p.name, p.AETitle, p.Address, err), p.hint(err))
}

// hint says what usually mends an error met on the way to the peer.
func (p peer) hint(err error) string {
	var reject *dimse.RejectError
	var timeout *dimse.TimeoutError
	var noContext *dimse.NoContextError
	var unknownHost *net.DNSError
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &reject):
		return p.rejectHint(reject)
	case errors.As(err, &unknownHost):
		return "the host's name is not known here: see " + p.name + ".address"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: see " + p.name + ".address, and whether the PACS is running"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to that address: see " + p.name + ".address, and the network"
	case errors.As(err, &certificate):
		return "its certificate is not trusted: see " + p.name + ".tls.ca"
	case errors.As(err, &notTLS):
		return "it does not speak TLS there: see " + p.name + ".tls and its port"
	case errors.As(err, &timeout), errors.Is(err, syscall.ETIMEDOUT):
		return "it does not answer: see " + p.name + ".address, firewalls on the way, and whether one end expects TLS"
	case errors.As(err, &noContext):
		return "the PACS does not offer this service to " + p.callingAE + ": have it allowed there"
	}
	return ""
}

// rejectHint reads the reasons of A-ASSOCIATE-RJ (PS3.8 §9.3.4).
func (p peer) rejectHint(r *dimse.RejectError) string {
	if r.Temporary() {
		return "the PACS is busy: try again later, or lower " + p.name + ".associations"
	}
	switch {
	case r.Source == 1 && r.Reason == 7:
		return "the PACS goes by another AE title: see " + p.name + ".ae_title"
	case r.Source == 1 && r.Reason == 3:
		return "the PACS does not know " + p.callingAE + ": register it there, with this machine's address"
	}
	return "the PACS refuses " + p.callingAE + ": see its log, and whether it is registered there"
}
