package staging

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

// verificationQueue is the queue of studies that wait for their proof.
const verificationQueue = "verifications"

const (
	// verificationGrace is how long after its time a study that waits for its proof is
	// left to its job; then it goes back and all of its way is gone again.
	verificationGrace = time.Minute
	// mostVerifications is how many jobs one look makes.
	mostVerifications = 100
)

// verificationArgs is the argument of a job: which study to look for at NEW.
type verificationArgs struct {
	StudyID int64 `json:"study_id"`
}

// Kind names the job in River's table.
func (verificationArgs) Kind() string { return "verification" }

// Park saves items and gives a study out of hand that is delivered and waits for its
// proof: it stays verifying, and after the time given a job of any node looks at NEW
// again (ClaimVerification). No worker of its department is held meanwhile.
func (c *Claim) Park(ctx context.Context, after time.Duration, items ...Item) error {
	return c.fenced(ctx, "park", func(s *step) error {
		if s.from != Verifying {
			return &MoveError{From: s.from, To: Verifying}
		}
		if err := s.save(ctx, items, replaceItem); err != nil {
			return err
		}
		at := s.now + max(after.Milliseconds(), 1)
		s.parked = true
		s.change("verify_at = ", at)
		s.change("lease_until = ", at+verificationGrace.Milliseconds())
		s.set = append(s.set, "verify_since = CASE WHEN verify_since = 0 THEN $2 ELSE verify_since END", "fence = fence + 1")
		return nil
	})
}

// Unproven is for how long the study has waited for its proof, by the database's clock.
func (c *Claim) Unproven() time.Duration {
	if c.study.VerifyingSince.IsZero() {
		return 0
	}
	return c.db.clock().Sub(c.study.VerifyingSince)
}

// verifyDue are the conditions of the parked studies whose time has come.
const verifyDue = `verify_at > 0 AND verify_at <= $1`

// FeedVerifications makes the jobs of parked studies whose time has come, and returns how
// many. A job that is lost is made once more after a while.
func (db *DB) FeedVerifications(ctx context.Context) (int, error) {
	due := false
	err := db.each(ctx, `SELECT 1 FROM studies WHERE `+verifyDue+` LIMIT 1`, []any{db.now()}, func(scanner) error {
		due = true
		return nil
	})
	if err != nil || !due {
		return 0, db.wrap("look for verifications", err)
	}
	made := 0
	err = db.tx(ctx, "queue verifications", func(tx *tx) error {
		jobs, err := db.queueVerifications(ctx, tx)
		if made = len(jobs); err != nil || made == 0 {
			return err
		}
		return db.jobs.insert(ctx, tx, jobs)
	})
	return made, err
}

// queueVerifications makes jobs, but none for a study whose job waits for a worker: that
// one is enough, however long the workers have no time.
func (db *DB) queueVerifications(ctx context.Context, tx *tx) ([]river.InsertManyParams, error) {
	now := db.now()
	waiting, err := waitingVerifications(ctx, tx)
	if err != nil {
		return nil, err
	}
	var jobs []river.InsertManyParams
	q := query{engine: db.engine, args: []any{now}}
	err = eachRow(ctx, tx, `UPDATE studies SET verify_at = `+q.arg(now+queuedLease.Milliseconds())+`, lease_until = `+
		q.arg(now+verificationGrace.Milliseconds())+` WHERE id IN (SELECT s.id FROM studies AS s
			WHERE s.verify_at > 0 AND s.verify_at <= $1 ORDER BY s.verify_at LIMIT `+q.arg(mostVerifications)+db.skipLocked+`)
		AND `+verifyDue+` RETURNING id`, q.args, func(row scanner) error {
		var args verificationArgs
		err := row.Scan(&args.StudyID)
		if !waiting[args.StudyID] {
			jobs = append(jobs, river.InsertManyParams{Args: args, InsertOpts: &river.InsertOpts{MaxAttempts: 1, Queue: verificationQueue, Priority: jobUsual}})
		}
		return err
	})
	return jobs, err
}

// waitingVerifications are the studies whose jobs no worker has taken yet.
func waitingVerifications(ctx context.Context, tx *tx) (map[int64]bool, error) {
	waiting := map[int64]bool{}
	err := eachRow(ctx, tx, `SELECT CAST(args ->> 'study_id' AS bigint) FROM river_job WHERE state = 'available' AND kind = 'verification'`, nil,
		func(row scanner) error {
			var id int64
			err := row.Scan(&id)
			waiting[id] = true
			return err
		})
	return waiting, err
}

// ClaimVerification takes a parked study in hand, without an attempt more. One that is
// not parked is ErrNotClaimable: another worker has it, or it has come to its end.
func (db *DB) ClaimVerification(ctx context.Context, studyID int64, node string, lease time.Duration) (*Claim, error) {
	return db.takeInHand(ctx, fmt.Sprintf("claim study %d for its proof", studyID), studyID, node, lease,
		`verify_at = 0`, `state = 'verifying' AND verify_at > 0`)
}
