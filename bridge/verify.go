package bridge

import (
	"context"
	"fmt"
	"time"

	"pacsbridge/staging"
)

// Verifier proves that NEW holds a collection, by asking it (C-FIND at IMAGE level).
type Verifier struct {
	New      Lister
	Archive  *Keeper       // nil: there is no archive
	Patience time.Duration // how long NEW may take to list what it has just stored; 30 s when zero
	Hold     time.Duration // of that, how long a worker waits with the study in hand; 2 s when zero
	Commit   *Committer    // asks NEW for storage commitment as well; nil: nobody does
}

// UnprovenError names the objects that NEW said it had stored and does not list.
type UnprovenError struct {
	UIDs []string
}

func (e *UnprovenError) Error() string {
	if len(e.UIDs) == 1 {
		return fmt.Sprintf("object %s was stored with success and is not listed by the new PACS", e.UIDs[0])
	}
	return fmt.Sprintf("%d objects were stored with success and are not listed by the new PACS, the first: %s", len(e.UIDs), e.UIDs[0])
}

// Verify marks as done what NEW lists. A study that it does not list within Hold is left
// to a later look; what it does not list within Patience counts as not stored, so that
// another attempt sends it again.
func (k *Verifier) Verify(ctx context.Context, c *Collection) error {
	if len(c.travelling()) == 0 {
		return nil
	}
	begun := time.Now()
	since := c.Study.VerifyingSince
	if since.IsZero() {
		since = begun
	}
	for pause := firstLook; ; pause *= 2 {
		listed, err := listedAt(ctx, k.New, c)
		if err == nil {
			listed, err = k.Archive.standing(ctx, c, listed)
		}
		if err != nil {
			return err
		}
		unproven := prove(c, listed)
		if len(unproven) == 0 {
			return k.Commit.commit(ctx, c)
		}
		switch next := time.Now().Add(pause); {
		case next.Sub(since) > k.patience():
			return disprove(unproven)
		case (!c.Study.VerifyingSince.IsZero() || next.Sub(begun) > k.hold()) && len(c.kept()) == 0:
			return c.later(fmt.Errorf("%d objects are not listed by the new PACS yet", len(unproven)), k.hold())
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// firstLook is the pause after the first look at NEW that did not find everything;
// each further one is twice as long.
const firstLook = 250 * time.Millisecond

func (k *Verifier) patience() time.Duration { return orDefault(k.Patience, 30*time.Second) }
func (k *Verifier) hold() time.Duration     { return orDefault(k.Hold, 2*time.Second) }

// prove marks the objects that NEW lists and returns the others.
func prove(c *Collection, listed []Listed) (unproven []*staging.Item) {
	at := uidsOf(listed)
	for _, it := range c.travelling() {
		if !at[it.ObjectUID] {
			unproven = append(unproven, it)
			continue
		}
		it.Found, it.State, it.Class, it.Reason = true, staging.ItemDone, "", ""
	}
	c.proveDoubles()
	return unproven
}

func disprove(unproven []*staging.Item) error {
	e := &UnprovenError{}
	for _, it := range unproven {
		it.Stored, it.Found = false, false
		it.Class, it.Reason = staging.Mismatch, "stored with success and not listed by the new PACS"
		e.UIDs = append(e.UIDs, it.ObjectUID)
	}
	return e
}

// wait pauses for d, or less where the context ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
