package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pacsbridge/staging"
)

// Prove looks at NEW for a study that was delivered and waits for its proof. A study
// that another process holds, or that waits no longer, is left alone. The error is the
// ledger's own.
func (m *Migrator) Prove(ctx context.Context, studyID int64) error {
	claim, err := m.Claims.ClaimVerification(ctx, studyID, m.Node, m.lease())
	if errors.Is(err, staging.ErrNotClaimable) || ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim study %d for its proof: %w", studyID, err)
	}
	study := claim.Study()
	study.VerifyingSince = time.Now().Add(-claim.Unproven()) // by our own clock
	work, stop := m.leased(ctx, claim)
	c, err := m.guarded(study, func() (*Collection, error) {
		items, err := claim.Items(work)
		c := NewCollection(study, items)
		if err != nil {
			return c, fmt.Errorf("read the items of study %s: %w", study.UID, err)
		}
		return c, m.Verify.Verify(work, c)
	})
	if cause := context.Cause(work); err != nil && cause != nil {
		err = cause
	}
	stop()
	if err != nil && ctx.Err() != nil && !errors.Is(err, staging.ErrLeaseLost) {
		err = &unprovenYet{err: err} // another node goes on
	}
	return m.conclude(ctx, claim, c.Items(), err)
}

// unprovenYet is why a delivered study is left to a later look at NEW, and when that is.
type unprovenYet struct {
	again time.Duration
	err   error
}

func (e *unprovenYet) Error() string { return e.err.Error() }
func (e *unprovenYet) Unwrap() error { return e.err }

// later makes an error of the proof one that is waited for in nobody's hand. The pauses
// double: each is as long as all before.
func (c *Collection) later(err error, least time.Duration) error {
	e := &unprovenYet{again: least, err: err}
	if since := c.Study.VerifyingSince; !since.IsZero() {
		e.again = min(max(least, time.Since(since)), outage.Longest)
	}
	return e
}

// parked leaves a delivered study to the jobs that look for its proof. What the spool
// holds of it is given up: should NEW have lost it, OLD is asked again.
func (m *Migrator) parked(ctx context.Context, claim *staging.Claim, items []staging.Item, why *unprovenYet) error {
	study := claim.Study()
	if err := claim.Park(ctx, why.again, items...); err != nil {
		return fmt.Errorf("leave study %s to its verification: %w", study.UID, err)
	}
	m.Logger.Debug("study waits for its proof", "study", study.UID, "again", why.again.Round(time.Millisecond).String(), "reason", why.Error())
	return m.clear(study)
}
