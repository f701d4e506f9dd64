package dimse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pacsbridge/dimse/pdu"
)

// Release ends the association in good manners (PS3.8 §7.2) and waits until
// the connection is closed. Operations must have ended before.
func (a *Association) Release(ctx context.Context) error {
	a.sending.Lock()
	action := a.fire(EvtReleaseRequest) // AR-1
	if action != "" {
		a.sendControl(&pdu.ReleaseRQ{})
	}
	a.sending.Unlock()
	if action == "" {
		return a.endOfRelease()
	}
	timer := time.NewTimer(a.timeouts.ARTIM)
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C:
		a.fail(&TimeoutError{Waiting: "the answer to a release request"})
		<-a.done
	case <-ctx.Done():
		a.fail(context.Cause(ctx))
		<-a.done
	}
	return a.endOfRelease()
}

// endOfRelease is nil when the association ended by a release, of whichever
// side.
func (a *Association) endOfRelease() error {
	if err := a.cause(); !errors.Is(err, ErrClosed) {
		return fmt.Errorf("release association: %w", err)
	}
	return nil
}

// Abort ends the association at once. The connection is closed a moment later,
// when the peer has read the A-ABORT; Done tells when.
func (a *Association) Abort() error {
	a.fail(ErrClosed)
	return nil
}
