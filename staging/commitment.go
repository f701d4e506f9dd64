package staging

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// CommitmentState is where a request for storage commitment stands.
type CommitmentState string

// The states of a request. One that is settled has been acted upon, or nobody
// waits for it any more.
const (
	CommitmentAsked    CommitmentState = "asked"    // not every object has been answered for
	CommitmentAnswered CommitmentState = "answered" // every object has
	CommitmentSettled  CommitmentState = "settled"
)

// CommitmentOutcome is what the answer says of one object; "" is nothing yet.
type CommitmentOutcome string

// The two outcomes (PS3.4 §J.3.3).
const (
	Committed   CommitmentOutcome = "committed"
	Uncommitted CommitmentOutcome = "failed"
)

// CommitmentObject is one object of a request.
type CommitmentObject struct {
	UID      string            `json:"uid"`
	SOPClass string            `json:"class,omitempty"`
	Outcome  CommitmentOutcome `json:"outcome,omitempty"`
	Reason   uint16            `json:"reason,omitempty"` // Failure Reason (0008,1197)
}

// Commitment is one request for storage commitment of objects of a study. Its row
// exists before the request is sent, so that an answer finds it however late.
type Commitment struct {
	Transaction string // Transaction UID
	StudyUID    string
	State       CommitmentState
	Objects     []CommitmentObject // of a settled request those that failed

	Named, Committed, Failed int
	AskedAt, AnsweredAt      time.Time // AnsweredAt is of the latest answer; zero before the first
}

// AskCommitment notes a request that is about to be sent.
func (db *DB) AskCommitment(ctx context.Context, transaction, studyUID string, objects []CommitmentObject) error {
	text, err := json.Marshal(objects)
	if err != nil {
		return fmt.Errorf("encode the objects of commitment %s: %w", transaction, err)
	}
	_, err = db.change(ctx, "ask for commitment "+transaction, `INSERT INTO commitments (transaction_uid, study_uid, objects, named, asked_at)
		VALUES ($1, $2, $3, $4, $5)`, transaction, studyUID, string(text), len(objects), db.now())
	return err
}

// AnswerCommitment notes an answer: which objects are committed, and which are not
// and why. Several answers to one request add up; of two about one object the later
// counts. A request that the ledger does not know is ErrNotFound.
func (db *DB) AnswerCommitment(ctx context.Context, transaction string, answers []CommitmentObject) (Commitment, error) {
	var c Commitment
	err := db.tx(ctx, "answer to commitment "+transaction, func(tx *tx) (err error) {
		c, err = scanCommitment(tx.QueryRowContext(ctx, `SELECT `+commitmentColumns+` FROM commitments WHERE transaction_uid = $1`+db.locked, transaction))
		if err != nil {
			return err
		}
		c.AnsweredAt = fromMillis(db.now())
		c.take(answers)
		return c.write(ctx, tx)
	})
	return c, err
}

// take adds an answer up with those before. Of a settled request only the objects
// that failed are kept.
func (c *Commitment) take(answers []CommitmentObject) {
	at := make(map[string]int, len(c.Objects))
	for i, o := range c.Objects {
		at[o.UID] = i
	}
	for _, answer := range answers {
		if i, named := at[answer.UID]; named {
			c.Objects[i].Outcome, c.Objects[i].Reason = answer.Outcome, answer.Reason
		} else if c.State == CommitmentSettled && answer.Outcome == Uncommitted {
			c.Objects = append(c.Objects, answer)
		}
	}
	if c.State == CommitmentSettled {
		c.Failed = len(c.Objects)
		return
	}
	c.Committed, c.Failed = 0, 0
	for _, o := range c.Objects {
		switch o.Outcome {
		case Committed:
			c.Committed++
		case Uncommitted:
			c.Failed++
		}
	}
	if c.Committed+c.Failed == c.Named {
		c.State = CommitmentAnswered
	}
}

func (c *Commitment) write(ctx context.Context, tx *tx) error {
	text, err := json.Marshal(c.Objects)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE commitments SET state = $2, objects = $3, committed = $4, failed = $5, answered_at = $6
		WHERE transaction_uid = $1`, c.Transaction, c.State, string(text), c.Committed, c.Failed, millis(c.AnsweredAt))
	return err
}

// SettleCommitment notes that nothing more is to be done about a request. Of its
// objects those that failed are kept.
func (db *DB) SettleCommitment(ctx context.Context, transaction string) error {
	return db.tx(ctx, "settle commitment "+transaction, func(tx *tx) error {
		c, err := scanCommitment(tx.QueryRowContext(ctx, `SELECT `+commitmentColumns+` FROM commitments WHERE transaction_uid = $1`+db.locked, transaction))
		if err != nil {
			return err
		}
		failed := []CommitmentObject{}
		for _, o := range c.Objects {
			if o.Outcome == Uncommitted {
				failed = append(failed, o)
			}
		}
		c.Objects, c.State = failed, CommitmentSettled
		return c.write(ctx, tx)
	})
}

// Commitments returns the requests for objects of a study in the order of asking.
func (db *DB) Commitments(ctx context.Context, studyUID string) ([]Commitment, error) {
	return db.commitments(ctx, "commitments of study "+studyUID, `study_uid = $1 ORDER BY asked_at, transaction_uid`, studyUID)
}

// RefusedCommitments returns requests of which objects failed and about which
// nothing was done yet, the oldest first, at most so many.
func (db *DB) RefusedCommitments(ctx context.Context, most int) ([]Commitment, error) {
	return db.commitments(ctx, "refused commitments", `state <> 'settled' AND failed > 0 ORDER BY asked_at, transaction_uid LIMIT $1`, most)
}

// ForgetCommitments settles the requests that were sent before the given age and
// never answered, and returns how many those were.
func (db *DB) ForgetCommitments(ctx context.Context, age time.Duration) (int, error) {
	return db.change(ctx, "forget commitments", `UPDATE commitments SET state = 'settled', objects = '[]'
		WHERE state = 'asked' AND failed = 0 AND asked_at < $1`, db.now()-age.Milliseconds())
}

func (db *DB) commitments(ctx context.Context, doing, condition string, args ...any) ([]Commitment, error) {
	var found []Commitment
	err := db.each(ctx, `SELECT `+commitmentColumns+` FROM commitments WHERE `+condition, args, func(row scanner) error {
		c, err := scanCommitment(row)
		found = append(found, c)
		return err
	})
	return found, db.wrap(doing, err)
}

const commitmentColumns = `transaction_uid, study_uid, state, objects, named, committed, failed, asked_at, answered_at`

func scanCommitment(row scanner) (Commitment, error) {
	var c Commitment
	var objects string
	var asked, answered int64
	err := row.Scan(&c.Transaction, &c.StudyUID, &c.State, &objects, &c.Named, &c.Committed, &c.Failed, &asked, &answered)
	if errors.Is(err, sql.ErrNoRows) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, err
	}
	c.AskedAt, c.AnsweredAt = fromMillis(asked), fromMillis(answered)
	return c, json.Unmarshal([]byte(objects), &c.Objects)
}

// Hasten lets a study that waits for its next attempt, or for its proof, go at once.
func (db *DB) Hasten(ctx context.Context, studyUID string) error {
	_, err := db.change(ctx, "hasten study "+studyUID, `UPDATE studies SET not_before = 0, updated_at = $2,
		verify_at = CASE WHEN verify_at > $2 THEN $2 ELSE verify_at END
		WHERE uid = $1 AND (state = 'to-migrate' AND not_before > 0 OR verify_at > 0)`, studyUID, db.now())
	return err
}
