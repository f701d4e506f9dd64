package bridge

import (
	"context"
	"fmt"
	"time"

	"pacsbridge/staging"
)

// CertifiedCommitment is a request for storage commitment that NEW has answered.
type CertifiedCommitment struct {
	Transaction string    `json:"transaction_uid"`
	Answered    time.Time `json:"answered"`
	Named       int       `json:"named"`
	Committed   int       `json:"committed"`
	Failed      int       `json:"failed,omitempty"`
}

// commitmentReader is a ledger that keeps requests for commitment.
type commitmentReader interface {
	Commitments(ctx context.Context, studyUID string) ([]staging.Commitment, error)
}

// commitments are the answered requests about a study.
func (r *Registrar) commitments(ctx context.Context, studyUID string) ([]CertifiedCommitment, error) {
	book, can := r.Books.(commitmentReader)
	if !can {
		return nil, nil
	}
	all, err := book.Commitments(ctx, studyUID)
	if err != nil {
		return nil, fmt.Errorf("read the commitments of study %s: %w", studyUID, err)
	}
	var answered []CertifiedCommitment
	for _, c := range all {
		if !c.AnsweredAt.IsZero() {
			answered = append(answered, CertifiedCommitment{Transaction: c.Transaction, Answered: c.AnsweredAt.UTC().Truncate(time.Second),
				Named: c.Named, Committed: c.Committed, Failed: c.Failed})
		}
	}
	return answered, nil
}
