package staging_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

var threeObjects = []staging.CommitmentObject{{UID: "1.1", SOPClass: "1.2"}, {UID: "1.2", SOPClass: "1.2"}, {UID: "1.3", SOPClass: "1.2"}}

func answer(outcome staging.CommitmentOutcome, reason uint16, uids ...string) []staging.CommitmentObject {
	var answers []staging.CommitmentObject
	for _, uid := range uids {
		answers = append(answers, staging.CommitmentObject{UID: uid, Outcome: outcome, Reason: reason})
	}
	return answers
}

func TestAnswersToACommitmentAddUp(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		must(t, l.AskCommitment(l.ctx, "9.1", "1.2.1", threeObjects))
		c, err := l.AnswerCommitment(l.ctx, "9.1", answer(staging.Committed, 0, "1.1"))
		must(t, err)
		if c.State != staging.CommitmentAsked || c.Committed != 1 || c.Failed != 0 {
			t.Errorf("after an answer in part: %+v", c)
		}
		_, err = l.AnswerCommitment(l.ctx, "9.1", answer(staging.Uncommitted, 0x0112, "1.2", "1.3", "7.7"))
		must(t, err)
		_, err = l.AnswerCommitment(l.ctx, "9.1", answer(staging.Committed, 0, "1.3"))
		must(t, err)
		found, err := l.Commitments(l.ctx, "1.2.1")
		must(t, err)
		want := []staging.Commitment{{Transaction: "9.1", StudyUID: "1.2.1", State: staging.CommitmentAnswered, Objects: []staging.CommitmentObject{
			{UID: "1.1", SOPClass: "1.2", Outcome: staging.Committed},
			{UID: "1.2", SOPClass: "1.2", Outcome: staging.Uncommitted, Reason: 0x0112},
			{UID: "1.3", SOPClass: "1.2", Outcome: staging.Committed},
		}, Named: 3, Committed: 2, Failed: 1, AskedAt: l.Now(), AnsweredAt: l.Now()}}
		same := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
		if diff := cmp.Diff(want, found, same); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := l.AnswerCommitment(l.ctx, "9.2", nil); !errors.Is(err, staging.ErrNotFound) {
			t.Errorf("an answer to nothing: %v", err)
		}
	})
}

func TestASettledCommitmentKeepsWhatFailed(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		must(t, l.AskCommitment(l.ctx, "9.1", "1.2.1", threeObjects))
		_, err := l.AnswerCommitment(l.ctx, "9.1", append(answer(staging.Committed, 0, "1.1", "1.2"), answer(staging.Uncommitted, 0x0110, "1.3")...))
		must(t, err)
		refused, err := l.RefusedCommitments(l.ctx, 10)
		must(t, err)
		if len(refused) != 1 || refused[0].Transaction != "9.1" {
			t.Errorf("refused: %+v", refused)
		}
		must(t, l.SettleCommitment(l.ctx, "9.1"))
		refused, err = l.RefusedCommitments(l.ctx, 10)
		must(t, err)
		found, err := l.Commitments(l.ctx, "1.2.1")
		must(t, err)
		c := found[0]
		if len(refused) != 0 || c.State != staging.CommitmentSettled || len(c.Objects) != 1 || c.Objects[0].UID != "1.3" || c.Committed != 2 || c.Failed != 1 {
			t.Errorf("settled: %+v, refused %d", c, len(refused))
		}
	})
}

func TestCommitmentsThatNobodyAnswersAreForgotten(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		must(t, l.AskCommitment(l.ctx, "9.1", "1.2.1", threeObjects))
		l.pass(2 * time.Hour)
		must(t, l.AskCommitment(l.ctx, "9.2", "1.2.1", threeObjects))
		n, err := l.ForgetCommitments(l.ctx, time.Hour)
		must(t, err)
		found, err := l.Commitments(l.ctx, "1.2.1")
		must(t, err)
		if n != 1 || found[0].State != staging.CommitmentSettled || found[1].State != staging.CommitmentAsked {
			t.Errorf("%d forgotten: %+v", n, found)
		}
		c, err := l.AnswerCommitment(l.ctx, "9.1", answer(staging.Uncommitted, 0x0112, "1.2"))
		must(t, err)
		if c.Failed != 1 || len(c.Objects) != 1 {
			t.Errorf("a late failure: %+v", c)
		}
	})
}

func TestAStudyKnowsWhenItWasMigrated(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		l.pass(time.Hour)
		must(t, l.migrate(l.claim(t, study(1).UID), nil))
		s, _, err := l.Study(l.ctx, study(1).UID)
		must(t, err)
		if !s.MigratedAt.Equal(l.Now()) {
			t.Errorf("migrated at %v, want %v", s.MigratedAt, l.Now())
		}
	})
}
