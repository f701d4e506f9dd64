package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Claims leases studies to this process.
type Claims interface {
	Claim(ctx context.Context, studyID int64, node string, lease time.Duration) (*staging.Claim, error)
	// ClaimVerification leases one that is delivered and waits for its proof.
	ClaimVerification(ctx context.Context, studyID int64, node string, lease time.Duration) (*staging.Claim, error)
}

// Migrator carries one study at a time from OLD to NEW and gives the verdict.
type Migrator struct {
	Node     string // who holds the leases
	Claims   Claims
	Old      Lister
	Collect  *Collector
	Compose  *Composer
	Deliver  *Deliverer
	Archive  *Keeper // nil: there is no archive
	Verify   *Verifier
	Spool    *spool.Spool
	Early    bool             // instances go to NEW as they come, not before the collection is whole
	Attempts int              // in all, before a person is told; 3 when zero
	Timeout  time.Duration    // longest a study may be in work; 1 h when zero
	Lease    time.Duration    // 1 minute when zero
	Patience staging.Patience // between attempts; the usual one when zero
	Logger   *slog.Logger
	OnHalt   func(error)                  // called when no study can be moved until a person mends something
	OnFailed func(staging.Study, Failure) // called when a study has failed for good; nil: nobody else is told

	once sync.Once
	room *gate // in front of the spool
}

// Migrate takes one study through its journey. A study that another process holds
// or that is not queued any more is left alone. The error is the ledger's own.
func (m *Migrator) Migrate(ctx context.Context, studyID int64) error {
	claim, err := m.Claims.Claim(ctx, studyID, m.Node, m.lease())
	if errors.Is(err, staging.ErrNotClaimable) || ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim study %d: %w", studyID, err)
	}
	study := claim.Study()
	if over := m.usedUp(study); over != nil {
		return m.failed(ctx, claim, nil, over)
	}
	m.Logger.Debug("study opened", "study", study.UID, "attempt", study.Attempts)
	work, stop := m.leased(ctx, claim)
	collection, err := m.attempt(work, study, claim)
	if cause := context.Cause(work); err != nil && cause != nil {
		err = cause
	}
	stop()
	return m.conclude(ctx, claim, collection.Items(), err)
}

// leased returns a context that ends with the lease on the study, or when it has
// been in work for too long. stop ends the heartbeat and waits for it.
func (m *Migrator) leased(ctx context.Context, claim *staging.Claim) (context.Context, func()) {
	limited, cancelLimit := context.WithTimeoutCause(ctx, m.timeout(), errTimeLimit)
	work, lose := context.WithCancelCause(limited)
	stop := beat(work, claim, m.lease()/3, lose)
	return work, func() {
		stop()
		cancelLimit()
	}
}

// journey is the way of one study: open the collection, collect, compose, deliver,
// verify. Each step stands in the ledger when it begins; what the steps found out of
// single items stands in the collection, for the verdict, and in the ledger at checkpoints.
func (m *Migrator) journey(ctx context.Context, study staging.Study, notes *logbook) (*Collection, error) {
	c, err := m.open(ctx, study, notes)
	if err != nil {
		return c, err
	}
	if err := m.gather(ctx, c, notes); err != nil {
		return c, err
	}
	if err := notes.advance(ctx, staging.Delivering, c.Items); err != nil {
		return c, err
	}
	if err := m.deliver(ctx, c, notes); err != nil {
		return c, err
	}
	if err := m.Archive.Keep(ctx, c, notes); err != nil {
		return c, err
	}
	if err := notes.advance(ctx, staging.Verifying, c.Items); err != nil {
		return c, err
	}
	return c, m.Verify.Verify(ctx, c)
}

// gather brings everything of the study into the spool, once there is room in it.
func (m *Migrator) gather(ctx context.Context, c *Collection, notes *logbook) error {
	m.once.Do(func() { m.room = newRoom(patienceOr(m.Patience), m.Logger) })
	leave, err := m.room.enter(ctx, room)
	if err != nil {
		return err
	}
	if err = m.collect(ctx, c, notes); err == nil {
		err = m.Compose.Compose(ctx, c)
	}
	leave(err)
	return err
}

// open makes the study collection: what the ledger knows, and what OLD lists now.
// The collection is returned with an error too, as far as it is known.
func (m *Migrator) open(ctx context.Context, study staging.Study, notes *logbook) (*Collection, error) {
	items, err := notes.items(ctx)
	c := NewCollection(study, items)
	if err != nil {
		return c, fmt.Errorf("read the items of study %s: %w", study.UID, err)
	}
	switch study.Kind {
	case staging.Ambiguous:
		return c, heldBack(c)
	case staging.Ghost:
		return c, nil
	}
	if study.Origin == staging.Unsolicited && study.ListedInstances < 0 {
		return c, nil // what came is what there is
	}
	return c, m.list(ctx, c, notes)
}

// HeldError says why a legacy record may not travel until a person has looked at it.
type HeldError struct{ Why string }

func (e *HeldError) Error() string { return e.Why }

func heldBack(c *Collection) error {
	for _, it := range c.Records() {
		if held, err := recordOf(it); err == nil && held.Held != "" {
			return &HeldError{Why: held.Held}
		}
	}
	return &HeldError{Why: "the legacy record matches more than one study"}
}
