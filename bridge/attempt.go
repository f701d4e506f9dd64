package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"pacsbridge/staging"
)

// givenBack is how often a study may come back without an attempt counted: from
// peers that were busy or away, and from processes that died with it in work.
// A study that kills its process would otherwise do so for ever.
const givenBack = 50

// UsedUpError ends a study that was taken from its worker, by the time-out
// clean-up or with its process, until no attempt was left.
type UsedUpError struct {
	Attempts, GivenBack int
	Last                string // the reason of the last return
}

func (e *UsedUpError) Error() string {
	return fmt.Sprintf("taken up %d times and given back %d times without an end: %s", e.Attempts, e.GivenBack, e.Last)
}

// usedUp reports whether a study that was just claimed has no attempt left.
func (m *Migrator) usedUp(study staging.Study) error {
	if study.Attempts <= m.attempts() && study.SoftTries <= givenBack {
		return nil
	}
	return &UsedUpError{Attempts: study.Attempts - 1, GivenBack: study.SoftTries, Last: study.Reason}
}

// attempt is one journey.
func (m *Migrator) attempt(ctx context.Context, study staging.Study, ledger Ledger) (*Collection, error) {
	return m.guarded(study, func() (*Collection, error) { return m.journey(ctx, study, newLogbook(ledger)) })
}

// guarded is work on a study. A panic of ours ends this study's attempt alone.
func (m *Migrator) guarded(study staging.Study, work func() (*Collection, error)) (c *Collection, err error) {
	c = NewCollection(study, nil)
	defer func() {
		if p := recover(); p != nil {
			err = fault(m.Logger.With("study", study.UID), p)
		}
	}()
	return work()
}

// fault logs a panic of ours, where it came from too, and makes an error of it.
func fault(log *slog.Logger, p any) error {
	log.Error("fault of the program", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return fmt.Errorf("fault of the program: %v", p)
}
