package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/staging/spool"
)

// Arrival is one instance that has come in and rests whole in the spool.
type Arrival struct {
	UID, SOPClass, TransferSyntax string
	Bytes                         int64
	SHA256                        string
	SeriesUID                     string
	Conflict                      string // why a second, different data set of this UID was put aside

	from sender
}

// sender is who sent an instance.
type sender struct {
	ae      string
	address net.Addr
}

// Inbox is where our Storage SCP puts what arrives: instances of studies that are
// being collected go to the spool, digested while they are written. What nobody
// asked for is refused or put in quarantine.
type Inbox struct {
	Spool      *spool.Spool
	Quarantine *Quarantine
	Uninvited  bool         // what nobody asked for goes to quarantine; else it is refused (0124H)
	Forward    *Forwarder   // takes what nobody asked for, to let it travel; nil: nothing of it does
	Throttle   *Throttle    // bytes a second from OLD; nil: as fast as they come
	Ledger     func() error // an error while what comes could not be noted; nil: nobody asks
	Logger     *slog.Logger
	// Reopen sets a failed study on its way again, when an instance came that it
	// had failed for. nil: it stays failed until somebody tries again.
	Reopen func(ctx context.Context, studyUID string) error

	mu     sync.Mutex
	open   map[string]*Arrivals
	closed latecomers
}

var _ dimse.StoreHandler = (*Inbox)(nil)

// Expect opens the inbox for a study until Close is called on what it returns. tell,
// unless it is nil, is told of each instance that comes in.
func (b *Inbox) Expect(studyUID string, tell func(Arrival)) *Arrivals {
	a := &Arrivals{inbox: b, studyUID: studyUID, tell: tell, got: map[string]Arrival{}, bell: make(chan struct{}, 1)}
	for uid, late := range b.closed.take(studyUID) {
		if whole, err := b.Spool.Check(studyUID, uid, late.SHA256); err == nil && whole {
			a.got[uid] = late
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = map[string]*Arrivals{}
	}
	b.open[studyUID] = a
	return a
}

// Store takes one instance in (PS3.4 annex B). It answers success only when the
// instance is whole in the spool.
func (b *Inbox) Store(ctx context.Context, in *dimse.Instance) error {
	uids, whole, err := dataset.PeekUIDs(in.Data, in.TransferSyntax, dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
	if err != nil {
		return status(dimse.StatusCannotUnderstand, "read the head of %s: %w", in.SOPInstance, err)
	}
	studyUID, seriesUID := uids[0], uids[1]
	arrivals := b.arrivals(studyUID)
	if b.Forward.stranger(in) {
		return b.forward(in, studyUID, seriesUID, whole)
	}
	if arrivals == nil && b.closed.wants(studyUID, in.SOPInstance) {
		rest := *in
		rest.Data = whole
		return b.late(ctx, studyUID, seriesUID, &rest)
	}
	if arrivals == nil && b.Forward != nil {
		return b.forward(in, studyUID, seriesUID, whole)
	}
	if arrivals == nil {
		return b.unsolicited(in, whole)
	}
	defer arrivals.coming()()
	arrival, err := b.keep(studyUID, in, b.Throttle.Reader(ctx, whole))
	if err != nil {
		arrivals.fail(err)
		return err
	}
	arrival.SeriesUID = seriesUID
	if arrivals = b.arrivals(studyUID); arrivals == nil { // its study was given up meanwhile
		b.cameLate(ctx, studyUID, arrival)
		return nil
	}
	arrivals.add(arrival)
	return nil
}

// arrivals is where instances of a study go that is being collected; nil where it is not.
func (b *Inbox) arrivals(studyUID string) *Arrivals {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open[studyUID]
}

// wants reports whether an instance is still waited for, or its study is.
func (b *Inbox) wants(studyUID, uid string) bool {
	return b.arrivals(studyUID) != nil || b.closed.wants(studyUID, uid)
}

// keep writes an instance to the spool. A second one of the same UID is the same
// content sent again, which is fine, or another, which is put aside: the first stays.
func (b *Inbox) keep(studyUID string, in *dimse.Instance, data io.Reader) (Arrival, error) {
	if b.Ledger != nil {
		if err := b.Ledger(); err != nil {
			return Arrival{}, status(dimse.StatusOutOfResources, "take in %s: %w", in.SOPInstance, err)
		}
	}
	w, err := b.Spool.Create(studyUID, in.SOPInstance)
	if err != nil {
		return Arrival{}, status(dimse.StatusOutOfResources, "open the spool for %s: %w", in.SOPInstance, err)
	}
	if _, err := io.Copy(w, data); err != nil {
		w.Abort()
		return Arrival{}, status(dimse.StatusOutOfResources, "receive %s: %w", in.SOPInstance, err)
	}
	if !b.wants(studyUID, in.SOPInstance) { // its study came to its end without it, or with another copy of it
		w.Abort()
		return Arrival{}, ofNoStudy(in.SOPInstance)
	}
	arrival := Arrival{UID: in.SOPInstance, SOPClass: in.SOPClass, TransferSyntax: in.TransferSyntax, from: sender{in.CallingAE, in.RemoteAddr}}
	blob, err := w.Commit()
	var other *spool.ConflictError
	if errors.As(err, &other) {
		blob, err = other.Kept, b.putAside(in, w, other)
		arrival.Conflict = fmt.Sprintf("a second data set of this UID arrived with SHA-256 %s and was put aside", other.Refused.SHA256)
	}
	if err != nil {
		return Arrival{}, status(dimse.StatusOutOfResources, "keep %s: %w", in.SOPInstance, err)
	}
	arrival.Bytes, arrival.SHA256 = blob.Size, blob.SHA256
	return arrival, nil
}

// putAside keeps the second of two data sets of one UID in quarantine.
func (b *Inbox) putAside(in *dimse.Instance, w *spool.Writer, conflict *spool.ConflictError) error {
	group, aside := conflict.Kept.Group, conflict.Kept.Name+" put aside"
	b.Logger.Error("the old PACS sent two different data sets under one UID; the first is kept, the second is in quarantine",
		"study", group, "instance", in.SOPInstance, "kept", conflict.Kept.SHA256, "put_aside", conflict.Refused.SHA256)
	if _, err := w.CommitAs(aside); err != nil {
		return err
	}
	defer b.Spool.Remove(group, aside)
	second, _, err := b.Spool.Open(group, aside)
	if err != nil {
		return err
	}
	defer second.Close()
	return b.Quarantine.Keep(in, second, "another data set of this UID came first, with SHA-256 "+conflict.Kept.SHA256)
}

// forward keeps an instance that nobody asked for until it is proven at NEW.
func (b *Inbox) forward(in *dimse.Instance, studyUID, seriesUID string, data io.Reader) error {
	if err := b.Forward.Keep(in, studyUID, seriesUID, data); err != nil {
		return err
	}
	b.Logger.Debug("instance nobody asked for kept", "study", studyUID, "instance", in.SOPInstance, "peer", in.CallingAE)
	return nil
}

// unsolicited deals with an instance of a study that is not being collected.
func (b *Inbox) unsolicited(in *dimse.Instance, data io.Reader) error {
	if !b.Uninvited {
		return ofNoStudy(in.SOPInstance)
	}
	if err := b.Quarantine.Keep(in, data, "nobody asked for it"); err != nil {
		return status(dimse.StatusOutOfResources, "quarantine %s: %w", in.SOPInstance, err)
	}
	b.Logger.Warn("instance nobody asked for put in quarantine", "instance", in.SOPInstance, "peer", in.CallingAE)
	return nil
}

// ofNoStudy refuses an instance that nobody waits for.
func ofNoStudy(sopInstance string) error {
	return status(dimse.StatusNotAuthorized, "instance %s belongs to no study that is being collected", sopInstance)
}

// answer is an error of ours that our Storage SCP answers with a status of its own.
type answer struct {
	error
	status *dimse.StatusError
}

// status is err, answered with the given code (PS3.4 table B.2-1, PS3.7 annex C).
func status(code dimse.Status, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &answer{error: err, status: &dimse.StatusError{Service: dimse.ServiceStore, Status: code, Comment: err.Error()}}
}

// Unwrap gives both the status to answer with and what went wrong.
func (a *answer) Unwrap() []error { return []error{a.status, a.error} }
