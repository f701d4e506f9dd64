package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// farewell is how long the ledger may take to note the end of a study whose run was
// told to stop.
const farewell = 5 * time.Second

// conclude writes the verdict on a study to the ledger: migrated, given back for
// another attempt, or failed. A run that is being stopped gives the study back as
// if the attempt had not been made.
func (m *Migrator) conclude(ctx context.Context, claim *staging.Claim, items []staging.Item, err error) error {
	stopping := ctx.Err() != nil
	ctx, cancel := outlasting(ctx)
	defer cancel()
	study := claim.Study()
	var unproven *unprovenYet
	switch {
	case errors.Is(err, staging.ErrLeaseLost):
		m.Logger.Warn("lease lost; another process goes on with the study", "study", study.UID)
		return nil
	case err == nil:
		return m.migrated(ctx, claim, items)
	case errors.As(err, &unproven):
		return m.parked(ctx, claim, items, unproven)
	case stopping:
		return claim.Return(ctx, "", "the run was stopped", 0, true, items...)
	}
	return m.failed(ctx, claim, items, err)
}

// outlasting is a context that ends a while after ctx does, so that what was done can
// be noted.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		enough := time.NewTimer(farewell)
		defer enough.Stop()
		select {
		case <-enough.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() {
		stop()
		cancel()
	}
}

func (m *Migrator) migrated(ctx context.Context, claim *staging.Claim, items []staging.Item) error {
	study := claim.Study()
	err := claim.Finish(ctx, items...)
	if errors.Is(err, staging.ErrGrew) {
		return claim.Return(ctx, "", "the study grew while it was in work", 0, true, items...)
	}
	if err != nil {
		return fmt.Errorf("finish study %s: %w", study.UID, err)
	}
	m.Logger.Info("study migrated", "study", study.UID, "attempt", study.Attempts)
	return m.clear(study)
}

// failed decides between another attempt and the end, by the failure's verdict.
func (m *Migrator) failed(ctx context.Context, claim *staging.Claim, items []staging.Item, cause error) error {
	study, f := claim.Study(), classify(cause)
	patience := patienceOr(m.Patience)
	wait := f.Verdict == Wait && claim.Waited() < patience.Limit
	last := f.Verdict == Hopeless || study.Attempts >= m.attempts()
	switch {
	case f.Verdict == Halt:
		err := claim.Return(ctx, f.Class, f.Reason, 0, true, items...)
		m.OnHalt(cause)
		return err
	case !wait && last:
		m.Logger.Error("study failed", "study", study.UID, "class", string(f.Class), "reason", f.Reason, "attempts", study.Attempts)
		if err := claim.Fail(ctx, f.Class, f.Reason, items...); err != nil {
			return fmt.Errorf("fail study %s: %w", study.UID, err)
		}
		if m.OnFailed != nil {
			m.OnFailed(study, f)
		}
		return m.clear(study)
	}
	tries := study.Attempts
	if wait {
		tries = study.SoftTries + 1
	}
	pause := patience.Pause(tries)
	if errors.Is(cause, spool.ErrFull) { // let the others have what room there is
		if err := m.clear(study); err != nil {
			m.Logger.Warn("room in the spool is not given back", "study", study.UID, "error", err)
		}
	}
	m.Logger.Warn("study will be tried again", "study", study.UID, "class", string(f.Class), "reason", f.Reason,
		"attempt", study.Attempts, "of", m.attempts(), "in", pause.Round(time.Millisecond).String())
	return claim.Return(ctx, f.Class, f.Reason, pause, wait, items...)
}

// clear removes what the spool holds of a study whose verdict is given.
func (m *Migrator) clear(study staging.Study) error {
	if err := m.Spool.RemoveGroup(study.UID); err != nil {
		return fmt.Errorf("clear the spool of study %s: %w", study.UID, err)
	}
	return nil
}

func (m *Migrator) attempts() int          { return orDefault(m.Attempts, 3) }
func (m *Migrator) timeout() time.Duration { return orDefault(m.Timeout, time.Hour) }
func (m *Migrator) lease() time.Duration   { return orDefault(m.Lease, time.Minute) }

// orDefault returns v, or the default where v was not set.
func orDefault[T int | time.Duration](v, byDefault T) T {
	if v <= 0 {
		return byDefault
	}
	return v
}
