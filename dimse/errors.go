package dimse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"pacsbridge/dimse/pdu"
)

// ErrClosed is the answer of an association that has been released or closed
// on our own side.
var ErrClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string   { return "association is closed" }
func (closedError) Temporary() bool { return true }

// RejectError is the peer's A-ASSOCIATE-RJ, or, returned by Server.Admit, ours
// (PS3.8 §9.3.4).
type RejectError struct {
	Result byte // 1 permanent, 2 transient
	Source byte // 1 service user, 2 service provider (ACSE), 3 service provider (presentation)
	Reason byte // meaning depends on Source
}

// Rejections a Server gives, and an Admit hook may return.
var (
	RejectNoReason   = &RejectError{Result: 1, Source: 1, Reason: 1}
	RejectContext    = &RejectError{Result: 1, Source: 1, Reason: 2}
	RejectCallingAE  = &RejectError{Result: 1, Source: 1, Reason: 3}
	RejectCalledAE   = &RejectError{Result: 1, Source: 1, Reason: 7}
	RejectVersion    = &RejectError{Result: 1, Source: 2, Reason: 2}
	RejectOverloaded = &RejectError{Result: 2, Source: 3, Reason: 2}
)

// rejectReasons names source and reason by PS3.8 table 9-21.
var rejectReasons = map[[2]byte]string{
	{1, 1}: "no reason given",
	{1, 2}: "application context name not supported",
	{1, 3}: "calling AE title not recognized",
	{1, 7}: "called AE title not recognized",
	{2, 1}: "no reason given by the service provider",
	{2, 2}: "protocol version not supported",
	{3, 1}: "temporary congestion",
	{3, 2}: "local limit exceeded",
}

func (e *RejectError) Error() string {
	result := "permanently"
	if e.Result == 2 {
		result = "for the moment"
	}
	reason, ok := rejectReasons[[2]byte{e.Source, e.Reason}]
	if !ok {
		reason = "unknown reason"
	}
	return fmt.Sprintf("association rejected %s: %s (%d/%d/%d)", result, reason, e.Result, e.Source, e.Reason)
}

// Temporary says whether the same request may be accepted later.
func (e *RejectError) Temporary() bool { return e.Result == 2 }

// AbortError is an A-ABORT received from the peer (PS3.8 §9.3.8).
type AbortError struct {
	Source byte // 0 service user, 2 service provider
	Reason byte // meaningful when Source is 2
}

// abortReasons names the provider's reasons by PS3.8 table 9-26.
var abortReasons = map[byte]string{
	0: "reason not specified", 1: "unrecognized PDU", 2: "unexpected PDU",
	4: "unrecognized PDU parameter", 5: "unexpected PDU parameter", 6: "invalid PDU parameter value",
}

func (e *AbortError) Error() string {
	if e.Source == 0 {
		return "association aborted by the peer"
	}
	reason, ok := abortReasons[e.Reason]
	if !ok {
		reason = fmt.Sprintf("reason %d", e.Reason)
	}
	return "association aborted by the peer's network layer: " + reason
}

// Temporary says that a new association may well succeed.
func (e *AbortError) Temporary() bool { return true }

// ProtocolError is a breach of the standard by the peer; the association is
// aborted for it.
type ProtocolError struct{ Why string }

func (e *ProtocolError) Error() string { return "peer broke the protocol: " + e.Why }

// Temporary is false: the peer will do so again.
func (e *ProtocolError) Temporary() bool { return false }

func protocolErrorf(format string, args ...any) *ProtocolError {
	return &ProtocolError{Why: fmt.Sprintf(format, args...)}
}

// TimeoutError tells which wait came to its end; the association is aborted.
type TimeoutError struct{ Waiting string }

func (e *TimeoutError) Error() string { return "timed out waiting for " + e.Waiting }

// Temporary says that trying again later makes sense.
func (e *TimeoutError) Temporary() bool { return true }

// Timeout makes it a time-out in the sense of net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// TransportError is a failure of the connection below the association.
type TransportError struct {
	Doing string
	Err   error
}

func (e *TransportError) Error() string { return e.Doing + ": " + e.Err.Error() }

func (e *TransportError) Unwrap() error { return e.Err }

// Temporary is true for everything but an address that cannot exist.
func (e *TransportError) Temporary() bool {
	var dns *net.DNSError
	if errors.As(e.Err, &dns) && dns.IsNotFound {
		return false
	}
	var address *net.AddrError
	return !errors.As(e.Err, &address)
}

// transportError wraps a connection's error; an end of the stream gets words a
// person understands.
func transportError(doing string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return &TransportError{Doing: doing, Err: errConnectionLost{err}}
	}
	return &TransportError{Doing: doing, Err: err}
}

// errConnectionLost says plainly what an EOF inside an association means.
type errConnectionLost struct{ cause error }

func (e errConnectionLost) Error() string { return "connection closed by the peer" }
func (e errConnectionLost) Unwrap() error { return e.cause }

// isTimeout tells a deadline from other failures of a connection.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// NoContextError says that no presentation context fits: nothing was sent and
// the association stays usable.
type NoContextError struct {
	SOPClass       string
	TransferSyntax string // empty: no context for the class at all
	Role           bool   // there is one, but not in the provider's role
}

func (e *NoContextError) Error() string {
	if e.Role {
		return "peer declined the provider's role for SOP class " + e.SOPClass
	}
	if e.TransferSyntax == "" {
		return "peer accepted no presentation context for SOP class " + e.SOPClass
	}
	return "peer accepted no presentation context for SOP class " + e.SOPClass + " in transfer syntax " + e.TransferSyntax
}

// Temporary is false: the same proposal gets the same answer.
func (e *NoContextError) Temporary() bool { return false }

// SourceError is a failure of the reader a data set was to come from; the
// association was aborted in the middle of the message.
type SourceError = pdu.SourceError
