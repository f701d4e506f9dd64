package bridge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// Promiser is asked to commit to keeping objects (storage commitment, PS3.4 annex J).
type Promiser interface {
	// Commit sends the requests. nil means that they were taken, not more. A PACS
	// that does not offer the service is a *NoCommitmentError.
	Commit(ctx context.Context, requests []dimse.CommitRequest) error
}

// CommitmentBook keeps the requests for commitment and their answers.
type CommitmentBook interface {
	AskCommitment(ctx context.Context, transaction, studyUID string, objects []staging.CommitmentObject) error
	AnswerCommitment(ctx context.Context, transaction string, answers []staging.CommitmentObject) (staging.Commitment, error)
	SettleCommitment(ctx context.Context, transaction string) error
	Commitments(ctx context.Context, studyUID string) ([]staging.Commitment, error)
}

const (
	// commitAnswer is how long a study stays in hand for the answer.
	commitAnswer = 5 * time.Second
	// commitPatience is how long a study waits for the answer in all: less than a
	// busy peer is waited for.
	commitPatience = 15 * time.Minute
	// askAgain is the part of the patience after which a request counts as lost.
	askAgain = 4
	// mostOpen bounds how many requests a process remembers to wait for at its end.
	mostOpen = 10_000
)

// CommitterOptions say how NEW is asked for commitment.
type CommitterOptions struct {
	New      Promiser
	Book     CommitmentBook
	Studies  CommitmentStudies
	Require  bool          // no study is migrated without it; else it is asked for on the side
	Answer   time.Duration // with Require: how long a study stays in hand for the answer; 5 s when zero
	Patience time.Duration // with Require: how long a study waits for it in all; 15 min when zero
	Most     int           // objects of one request; as many as one can name when zero
	Logger   *slog.Logger
}

// Committer asks NEW to commit to what it was sent. What NEW does not commit to is
// sent again. Requests and answers are in the book, so that an answer counts however
// late it comes, and whichever process gets it.
type Committer struct {
	CommitterOptions

	mu       sync.Mutex
	waiting  map[string]chan struct{} // by study: closed when an answer comes
	queue    []dimse.CommitRequest    // of those on the side
	open     map[string]bool          // transactions of this process without an answer
	silentTo time.Time                // until then NEW, which does not offer it, is not asked on the side
	bell     chan struct{}            // wakes Run
	fewer    chan struct{}            // rung when open has become shorter
}

// NewCommitter returns a committer that has asked nobody anything yet.
func NewCommitter(o CommitterOptions) *Committer {
	o.Answer, o.Patience = orDefault(o.Answer, commitAnswer), orDefault(o.Patience, commitPatience)
	o.Most = min(orDefault(o.Most, dimse.MaxCommitReferences), dimse.MaxCommitReferences)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Committer{CommitterOptions: o, waiting: map[string]chan struct{}{}, open: map[string]bool{},
		bell: make(chan struct{}, 1), fewer: make(chan struct{}, 1)}
}

// commit sees to the commitment of a collection that NEW lists: it waits for it
// where it is required, and asks for it on the side otherwise.
func (k *Committer) commit(ctx context.Context, c *Collection) error {
	switch {
	case k == nil:
		return nil
	case k.Require:
		return k.demand(ctx, c)
	}
	return k.request(ctx, c)
}

// request asks for commitment on the side: the answer is noted when it comes.
func (k *Committer) request(ctx context.Context, c *Collection) error {
	if !k.asking() {
		return nil
	}
	requests, err := k.note(ctx, c.Study.UID, c.toStore())
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.queue = append(k.queue, requests...)
	k.mu.Unlock()
	k.ring()
	return nil
}

// demand waits until NEW has committed to every object of a collection. It errs
// where NEW says no, and where it says nothing within Answer.
func (k *Committer) demand(ctx context.Context, c *Collection) error {
	begun, deadline := time.Now(), time.NewTimer(k.Answer)
	defer deadline.Stop()
	defer k.leave(c.Study.UID)
	for asked := false; ; {
		answered := k.await(c.Study.UID)
		standing, err := k.standing(ctx, c)
		if err != nil {
			return err
		}
		if asked { // once is enough, however long it took
			standing.open, standing.unasked = append(standing.open, standing.unasked...), nil
			if standing.since.IsZero() {
				standing.since = begun
			}
		}
		switch {
		case len(standing.failed) > 0:
			return k.refused(ctx, c, standing)
		case len(standing.unasked) > 0:
			if err := k.ask(ctx, c.Study.UID, standing.unasked); err != nil {
				return doubt(err, standing.unasked)
			}
			asked = true
			continue
		case len(standing.open) == 0:
			return k.settle(ctx, standing.transactions)
		}
		select {
		case <-answered:
		case <-deadline.C:
			return k.unanswered(c, standing)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// unanswered leaves a study to a later look that waits for the answer, until its
// patience is over.
func (k *Committer) unanswered(c *Collection, s standing) error {
	pending := PendingCommitmentError{Objects: len(s.open), Since: s.since}
	if since := c.Study.VerifyingSince; !since.IsZero() && time.Since(since) > k.Patience {
		late := UnansweredError(pending)
		return doubt(&late, s.open)
	}
	return c.later(doubt(&pending, s.open), k.Answer)
}

// ask sends requests for the objects at once.
func (k *Committer) ask(ctx context.Context, studyUID string, items []*staging.Item) error {
	requests, err := k.note(ctx, studyUID, items)
	if err != nil {
		return err
	}
	if err := k.New.Commit(ctx, requests); err != nil {
		k.drop(ctx, requests)
		return fmt.Errorf("ask for commitment of study %s: %w", studyUID, err)
	}
	return nil
}

// note writes the requests for the objects into the book, before they are sent.
func (k *Committer) note(ctx context.Context, studyUID string, items []*staging.Item) ([]dimse.CommitRequest, error) {
	var requests []dimse.CommitRequest
	for some := range slices.Chunk(items, k.Most) {
		request := dimse.CommitRequest{TransactionUID: transactionUID()}
		var objects []staging.CommitmentObject
		for _, it := range some {
			request.References = append(request.References, dimse.Reference{SOPClass: it.SOPClass, SOPInstance: it.ObjectUID})
			objects = append(objects, staging.CommitmentObject{UID: it.ObjectUID, SOPClass: it.SOPClass})
		}
		if err := k.Book.AskCommitment(ctx, request.TransactionUID, studyUID, objects); err != nil {
			return nil, fmt.Errorf("note the request for commitment of study %s: %w", studyUID, err)
		}
		k.mu.Lock()
		if len(k.open) >= mostOpen {
			clear(k.open) // nobody answers
		}
		k.open[request.TransactionUID] = true
		k.mu.Unlock()
		requests = append(requests, request)
	}
	return requests, nil
}

// transactionUID is a UID that nobody has used before (PS3.5 §B.2).
func transactionUID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return uid.Derive("pacsbridge", "commitment", hex.EncodeToString(random[:]))
}

// drop settles requests that were not taken.
func (k *Committer) drop(ctx context.Context, requests []dimse.CommitRequest) {
	for _, r := range requests {
		k.closed(r.TransactionUID)
		if err := k.Book.SettleCommitment(context.WithoutCancel(ctx), r.TransactionUID); err != nil {
			k.Logger.Warn("note that a request for commitment was not taken", "transaction", r.TransactionUID, "error", err)
		}
	}
}

func (k *Committer) settle(ctx context.Context, transactions []staging.Commitment) error {
	for _, t := range transactions {
		if t.State == staging.CommitmentSettled {
			continue
		}
		if err := k.Book.SettleCommitment(ctx, t.Transaction); err != nil {
			return fmt.Errorf("settle commitment %s: %w", t.Transaction, err)
		}
	}
	return nil
}

// await returns what is closed when the next answer about a study comes.
func (k *Committer) await(studyUID string) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.waiting[studyUID] == nil {
		k.waiting[studyUID] = make(chan struct{})
	}
	return k.waiting[studyUID]
}

// leave ends the waiting for answers about a study.
func (k *Committer) leave(studyUID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.waiting, studyUID)
}

// ring wakes Run.
func (k *Committer) ring() { ring(k.bell) }

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// asking reports whether NEW is asked on the side.
func (k *Committer) asking() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Now().After(k.silentTo)
}

// closed notes that a request is not waited for any more.
func (k *Committer) closed(transaction string) {
	k.mu.Lock()
	delete(k.open, transaction)
	k.mu.Unlock()
	ring(k.fewer)
}
