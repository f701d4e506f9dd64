package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/staging"
)

// CommitmentStudies is the ledger as answers to requests for commitment change it.
type CommitmentStudies interface {
	Study(ctx context.Context, uid string) (staging.Study, []staging.Item, error)
	Reopen(ctx context.Context, studyUID string, lost []string) (bool, error)
	RetryFailed(ctx context.Context, s staging.Scope, f staging.RetryFilter) (int, error)
	Hasten(ctx context.Context, studyUID string) error
	RefusedCommitments(ctx context.Context, most int) ([]staging.Commitment, error)
	ForgetCommitments(ctx context.Context, age time.Duration) (int, error)
}

const (
	// relook is how often what stands open is looked at without an answer.
	relook = time.Minute
	// relookSoon is the same while a study is about to come to its end.
	relookSoon = time.Second
	// silence is how long a NEW that offers no commitment is not asked again.
	silence = time.Hour
	// forgetAfter is how long an answer on the side is expected.
	forgetAfter = 7 * 24 * time.Hour
	// resends is how often what NEW does not commit to is sent again after its study
	// was migrated.
	resends = 3
	// lastAnswers is how long the end of a run waits for answers that are due.
	lastAnswers = time.Second
)

// Results takes what NEW answers, on our association or on one of its own. Only the
// PACS with this AE title may answer; "" stands for the one at the other end of an
// association of ours.
func (k *Committer) Results(ae string) dimse.CommitResults {
	return func(ctx context.Context, request dimse.Request, result dimse.CommitResult) error {
		if ae != "" && request.CallingAE != ae {
			k.Logger.Warn("commitment reported by somebody who was not asked", "peer", request.CallingAE, "transaction", result.TransactionUID)
			return &dimse.StatusError{Service: dimse.ServiceEvent, Status: dimse.StatusNotAuthorized}
		}
		return k.answered(ctx, result)
	}
}

// answered notes an answer, and wakes whoever waits for it.
func (k *Committer) answered(ctx context.Context, result dimse.CommitResult) error {
	var answers []staging.CommitmentObject
	for _, r := range result.Committed {
		answers = append(answers, staging.CommitmentObject{UID: r.SOPInstance, Outcome: staging.Committed})
	}
	for _, f := range result.Failed {
		answers = append(answers, staging.CommitmentObject{UID: f.SOPInstance, Outcome: staging.Uncommitted, Reason: uint16(f.Reason)})
	}
	c, err := k.Book.AnswerCommitment(ctx, result.TransactionUID, answers)
	if errors.Is(err, staging.ErrNotFound) {
		k.Logger.Warn("commitment reported that nobody asked for", "transaction", result.TransactionUID)
		return &dimse.StatusError{Service: dimse.ServiceEvent, Status: dimse.StatusInvalidArgument, Comment: "unknown transaction"}
	}
	if err != nil {
		return fmt.Errorf("note the answer to commitment %s: %w", result.TransactionUID, err)
	}
	if c.Failed > 0 {
		k.Logger.Warn("the new PACS does not commit to all objects", "study", c.StudyUID, "transaction", c.Transaction,
			"failed", c.Failed, "of", c.Named, "reason", result.Failed[len(result.Failed)-1].Reason.Meaning(dimse.ServiceCommitment))
	}
	k.wake(c)
	return k.follow(ctx, c)
}

// wake tells who waits for an answer that it has come.
func (k *Committer) wake(c staging.Commitment) {
	k.mu.Lock()
	if waiting := k.waiting[c.StudyUID]; waiting != nil {
		close(waiting)
		delete(k.waiting, c.StudyUID)
	}
	k.mu.Unlock()
	if c.State != staging.CommitmentAsked {
		k.closed(c.Transaction)
	}
	if c.Failed > 0 || c.State != staging.CommitmentAsked {
		k.ring()
	}
}

// follow does what a good answer allows: a request on the side is settled, a study
// that was given back for want of the answer goes on at once, and one that failed
// for want of it is opened again.
func (k *Committer) follow(ctx context.Context, c staging.Commitment) error {
	switch {
	case c.State != staging.CommitmentAnswered:
		return nil
	case !k.Require && c.Failed == 0:
		return k.Book.SettleCommitment(ctx, c.Transaction)
	case !k.Require:
		return nil
	}
	if err := k.Studies.Hasten(ctx, c.StudyUID); err != nil {
		return err
	}
	study, _, err := k.Studies.Study(ctx, c.StudyUID)
	if err != nil || study.State != staging.Failed || c.Failed > 0 || !waited(study.Class) {
		return err
	}
	k.Logger.Info("the answer came after its study was given up", "study", c.StudyUID)
	_, err = k.Studies.RetryFailed(ctx, staging.Scope{StudyUIDs: []string{c.StudyUID}}, staging.RetryFilter{})
	return err
}

// waited are the classes of a study that was given up without an answer.
func waited(class staging.Class) bool { return class == staging.PeerBusy || class == staging.Timeout }

// Run sends what is asked on the side, and sees to what NEW does not commit to,
// until the context ends.
func (k *Committer) Run(ctx context.Context) {
	look := time.NewTimer(relook)
	defer look.Stop()
	for {
		k.send(ctx)
		left, err := k.resend(ctx)
		if err != nil && ctx.Err() == nil {
			k.Logger.Error("look after refused commitments", "error", err)
		}
		look.Reset(relook)
		if left {
			look.Reset(relookSoon)
		}
		select {
		case <-k.bell:
		case <-look.C:
			k.forget(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// forget gives up requests on the side that were never answered.
func (k *Committer) forget(ctx context.Context) {
	if k.Require {
		return
	}
	n, err := k.Studies.ForgetCommitments(ctx, forgetAfter)
	switch {
	case err != nil && ctx.Err() == nil:
		k.Logger.Warn("forget unanswered commitments", "error", err)
	case n > 0:
		k.Logger.Warn("requests for commitment were never answered", "requests", n)
	}
}

// send sends what is asked on the side. A NEW that does not offer the service is not
// asked again for a while; other trouble is only told.
func (k *Committer) send(ctx context.Context) {
	k.mu.Lock()
	requests := k.queue
	k.queue = nil
	k.mu.Unlock()
	if len(requests) == 0 {
		return
	}
	if !k.asking() {
		k.drop(ctx, requests)
		return
	}
	err := k.New.Commit(ctx, requests)
	if err == nil {
		return
	}
	k.drop(ctx, requests)
	if !as[*NoCommitmentError](err) && !answered(withAny)(err) && !as[*dimse.AbortError](err) { // Orthanc aborts where it does not know us
		k.Logger.Warn("the new PACS was not asked for commitment", "requests", len(requests), "error", err)
		return
	}
	k.Logger.Info("the new PACS takes no request for storage commitment; what it lists is the proof", "error", err)
	k.mu.Lock()
	k.silentTo = time.Now().Add(silence)
	k.mu.Unlock()
}

// refusedAtOnce is how many requests are looked at in one go.
const refusedAtOnce = 1000

// resend opens studies again of which NEW, after they were migrated, does not commit
// to all. left tells that some study is not at its end yet.
func (k *Committer) resend(ctx context.Context) (left bool, err error) {
	refused, err := k.Studies.RefusedCommitments(ctx, refusedAtOnce)
	if err != nil {
		return false, err
	}
	for _, c := range refused {
		study, _, err := k.Studies.Study(ctx, c.StudyUID)
		if err != nil {
			return left, err
		}
		switch study.State {
		default:
			left = true
		case staging.Migrated:
			err = k.reopen(ctx, c)
		case staging.Failed, staging.Skipped:
			err = k.Book.SettleCommitment(ctx, c.Transaction)
		}
		if err != nil {
			return left, err
		}
	}
	return left, nil
}

// reopen sends the objects again that NEW says it does not hold, a few times; other
// reasons are only told.
func (k *Committer) reopen(ctx context.Context, c staging.Commitment) error {
	var lost []string
	for _, o := range c.Objects {
		if o.Outcome == staging.Uncommitted && dimse.Status(o.Reason) == dimse.StatusNoSuchInstance {
			lost = append(lost, o.UID)
		}
	}
	all, err := k.Book.Commitments(ctx, c.StudyUID)
	if err != nil {
		return err
	}
	times := 0
	for _, t := range all {
		if t.Failed > 0 {
			times++
		}
	}
	if len(lost) > 0 && times <= resends {
		if _, err := k.Studies.Reopen(ctx, c.StudyUID, lost); err != nil {
			return err
		}
		k.Logger.Warn("the new PACS has lost objects; they are sent again", "study", c.StudyUID, "objects", len(lost))
	} else {
		k.Logger.Error("the new PACS does not commit to objects that it lists; a person must look at it", "study", c.StudyUID,
			"objects", c.Failed, "transaction", c.Transaction)
	}
	return k.Book.SettleCommitment(ctx, c.Transaction)
}

// Drain sends what is still to be sent, and waits a moment for answers that are due.
func (k *Committer) Drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastAnswers)
	defer cancel()
	k.send(ctx)
	for k.outstanding() {
		select {
		case <-k.fewer:
		case <-ctx.Done():
			return
		}
	}
}

func (k *Committer) outstanding() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.open) > 0
}
