package bridge

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/archive"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Verdict is what an error means for the study it befell.
type Verdict string

// The verdicts, from the mildest.
const (
	// Wait: the fault is not the study's; try again later without using up an attempt.
	Wait Verdict = "wait"
	// Again: use up an attempt.
	Again Verdict = "again"
	// Hopeless: another attempt would end the same way.
	Hopeless Verdict = "hopeless"
	// Halt: no study can be moved until a person has mended something.
	Halt Verdict = "halt"
)

// Failure is an error with its class and its meaning. Retry is decided here and
// nowhere else.
type Failure struct {
	Class   staging.Class
	Verdict Verdict
	Reason  string
}

// outage is the patience with what is busy, away or full for the moment: a PACS, a
// disk, the ledger. After its limit waiting uses up attempts.
var outage = staging.Patience{First: time.Second, Longest: 5 * time.Minute, Limit: 30 * time.Minute}

// patienceOr is a patience, or the usual one where none is set.
func patienceOr(p staging.Patience) staging.Patience {
	if p == (staging.Patience{}) {
		return outage
	}
	return p
}

// errTimeLimit ends a study that stays in work longer than migration.timeout.
var errTimeLimit = errors.New("the study stayed in work longer than migration.timeout")

// classify finds the class of an error by its type.
func classify(err error) Failure {
	f := Failure{Class: staging.Internal, Verdict: Again, Reason: err.Error()}
	for _, rule := range rules {
		if rule.fits(err) {
			f.Class, f.Verdict = rule.class, rule.verdict
			break
		}
	}
	return f
}

// rule says which class and verdict errors of one type have.
type rule struct {
	fits    func(error) bool
	class   staging.Class
	verdict Verdict
}

// rules are tried in this order; the first that fits decides. What a peer answered
// comes before what the network said, and the particular before the general.
var rules = []rule{
	{is(errTimeLimit), staging.Timeout, Again},
	{as[*UsedUpError], staging.Timeout, Hopeless},
	{as[*DestinationError], staging.PeerRefused, Halt},
	{as[*GetNotOfferedError], staging.PeerRefused, Halt},
	{rejected(false), staging.PeerRefused, Halt},
	{rejected(true), staging.PeerBusy, Wait},
	{is(spool.ErrFull), staging.Internal, Wait},
	{ledgerAway, staging.Internal, Wait},

	{as[*UnprovenError], staging.Mismatch, Again},
	{as[*UncommittedError], staging.Mismatch, Again},
	{as[*UncommittableError], staging.TargetRefused, Hopeless},
	{as[*PendingCommitmentError], staging.PeerBusy, Wait},
	{as[*UnansweredError], staging.Timeout, Hopeless},
	{as[*NoCommitmentError], staging.PeerRefused, Halt},
	{busyArchive, staging.PeerBusy, Wait}, // also where it is why a study stays incomplete
	{as[*IncompleteError], staging.Incomplete, Again},
	{as[*FreshUIDError], staging.Incomplete, Hopeless},
	{as[*UnlistedError], staging.Incomplete, Again},
	{as[*InvalidUIDError], staging.Data, Hopeless},
	{as[*DamagedError], staging.Data, Hopeless},
	{as[*RuleError], staging.Data, Hopeless},
	{as[*dimse.NoContextError], staging.TargetRefused, Hopeless},
	{stored(busy), staging.PeerBusy, Wait},
	{stored(withAny), staging.TargetRefused, Hopeless},
	{answered(overloaded), staging.PeerBusy, Wait},
	{answered(unwilling), staging.PeerRefused, Hopeless},
	{answered(withAny), staging.PeerRefused, Again},
	{as[*RecodeError], staging.TargetRefused, Hopeless},
	{as[*DecompressError], staging.TargetRefused, Hopeless},

	{archiveAway, staging.Network, Wait},
	{as[*archive.Error], staging.TargetRefused, Again},

	{as[*HeldError], staging.Data, Hopeless},
	{as[*nondicom.UnsupportedError], staging.Data, Hopeless},
	{fetched(fetch.ErrNotFound, fetch.ErrEmpty, fetch.ErrDenied, fetch.ErrNotAFile), staging.AttachmentMissing, Again},
	{fetched(fetch.ErrUnknownStore, fetch.ErrUnsafePath, fetch.ErrNotAvailable, fetch.ErrPassword, fetch.ErrUntrusted), staging.AttachmentMissing, Hopeless},
	{fetched(fetch.ErrShort, fetch.ErrLong, fetch.ErrDigest, fetch.ErrChanged), staging.Mismatch, Again},
	{as[*fetch.Error], staging.Network, Again},
	{as[*dataset.MalformedError], staging.Data, Hopeless},

	{as[*dimse.AbortError], staging.Network, Wait},
	{as[*dimse.TransportError], staging.Network, Wait},
	{as[*dimse.TimeoutError], staging.Timeout, Again},
	{is(context.DeadlineExceeded), staging.Timeout, Again},
	{as[net.Error], staging.Network, Wait},
	{is(io.ErrUnexpectedEOF), staging.Network, Wait},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// ledgerAway fits errors of the ledger that pass: its database is away, or its disk
// is full.
func ledgerAway(err error) bool {
	var ledger *staging.Error
	return errors.As(err, &ledger) && ledger.Temporary()
}

// rejected fits associations that were rejected, for the moment or for good.
func rejected(transient bool) func(error) bool {
	return func(err error) bool {
		var reject *dimse.RejectError
		return errors.As(err, &reject) && reject.Temporary() == transient
	}
}

// answered fits failure statuses of the peer that are of one sort.
func answered(sort func(dimse.Status) bool) func(error) bool {
	return func(err error) bool {
		var status *dimse.StatusError
		return errors.As(err, &status) && sort(status.Status)
	}
}

// stored fits failure statuses that answer a C-STORE of ours. The deliverer has
// tried again already where that makes sense.
func stored(sort func(dimse.Status) bool) func(error) bool {
	return func(err error) bool {
		var status *dimse.StatusError
		return errors.As(err, &status) && status.Service == dimse.ServiceStore && sort(status.Status)
	}
}

// busy are the statuses of a target that may be able later: A7xx out of resources,
// and 0213 resource limitation.
func busy(s dimse.Status) bool {
	return s&0xFF00 == 0xA700 || s == dimse.StatusResourceLimitation
}

// overloaded are the statuses of an archive that may be able to search or to send
// later: out of resources, and Cxxx unable to process (PS3.4 tables C.4-1, C.4-2).
func overloaded(s dimse.Status) bool { return busy(s) || s&0xF000 == 0xC000 }

// unwilling are the statuses of an archive that will never search or send what was
// asked for: A900 identifier does not match, 0122 not supported.
func unwilling(s dimse.Status) bool {
	return s&0xFF00 == 0xA900 || s == dimse.StatusSOPClassNotSupported
}

func withAny(dimse.Status) bool { return true }

// fetched fits faults of fetching an attachment that are of one of these kinds.
func fetched(kinds ...error) func(error) bool {
	return func(err error) bool {
		for _, kind := range kinds {
			if errors.Is(err, kind) {
				return true
			}
		}
		return false
	}
}

// unreachable reports whether the error says that the peer cannot be spoken to at
// all, so that asking it for less is no use.
func unreachable(err error) bool {
	if err == nil {
		return false
	}
	f := classify(err)
	return as[*dimse.TransportError](err) || as[*dimse.RejectError](err) || f.Verdict == Halt
}
