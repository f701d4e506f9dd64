package bridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/staging"
)

// standing is what the requests for a collection have come to, object by object.
type standing struct {
	transactions []staging.Commitment
	unasked      []*staging.Item // or asked so long ago that nobody waits any more
	open         []*staging.Item
	failed       []*staging.Item
	reasons      map[string]dimse.Status // of the failed ones, by their UID at NEW
	since        time.Time               // of the oldest request that is open
}

func (k *Committer) standing(ctx context.Context, c *Collection) (standing, error) {
	s := standing{reasons: map[string]dimse.Status{}}
	var err error
	if s.transactions, err = k.Book.Commitments(ctx, c.Study.UID); err != nil {
		return s, fmt.Errorf("read the commitments of study %s: %w", c.Study.UID, err)
	}
	latest, asked := map[string]staging.CommitmentObject{}, map[string]time.Time{}
	for _, t := range s.transactions {
		if t.State == staging.CommitmentSettled {
			continue
		}
		for _, o := range t.Objects {
			asked[o.UID] = t.AskedAt
			if o.Outcome != "" {
				latest[o.UID] = o
			}
		}
	}
	for _, it := range c.toStore() {
		o, at := latest[it.ObjectUID], asked[it.ObjectUID]
		switch {
		case o.Outcome == staging.Committed:
		case o.Outcome == staging.Uncommitted:
			s.failed = append(s.failed, it)
			s.reasons[it.ObjectUID] = dimse.Status(o.Reason)
		case time.Since(at) < k.Patience/askAgain:
			s.open = append(s.open, it)
			if s.since.IsZero() || at.Before(s.since) {
				s.since = at
			}
		default:
			s.unasked = append(s.unasked, it)
		}
	}
	return s, nil
}

// refused notes in the items what NEW does not commit to, and why, and settles what
// it has answered, so that another attempt asks anew. Objects that it says it does
// not hold count as not stored, and are sent again.
func (k *Committer) refused(ctx context.Context, c *Collection, s standing) error {
	var lasting, passing []*staging.Item
	for _, it := range s.failed {
		reason := s.reasons[it.ObjectUID]
		class := staging.Mismatch
		if uncommittable(reason) {
			class, lasting = staging.TargetRefused, append(lasting, it)
		} else {
			passing = append(passing, it)
		}
		undone(it, class, "the new PACS does not commit to keeping it: "+reason.Meaning(dimse.ServiceCommitment))
		if reason == dimse.StatusNoSuchInstance {
			it.Stored, it.Found = false, false
		}
	}
	if err := k.settle(ctx, slices.DeleteFunc(s.transactions, func(t staging.Commitment) bool { return t.Failed == 0 })); err != nil {
		return err
	}
	if len(lasting) > 0 {
		first := lasting[0]
		return &UncommittableError{Objects: len(lasting), First: first.ObjectUID, Reason: s.reasons[first.ObjectUID]}
	}
	first := passing[0]
	return &UncommittedError{Objects: len(passing), First: first.ObjectUID, Reason: s.reasons[first.ObjectUID]}
}

// uncommittable are reasons that stay: the object's class is not one that NEW
// commits to.
func uncommittable(reason dimse.Status) bool {
	return reason == dimse.StatusSOPClassNotSupported || reason == dimse.StatusClassInstanceConflict
}

// doubt takes back that objects are done whose commitment is not known, and returns
// the error for it.
func doubt(err error, items []*staging.Item) error {
	f := classify(err)
	for _, it := range items {
		undone(it, f.Class, f.Reason)
	}
	return err
}

func undone(it *staging.Item, class staging.Class, reason string) {
	it.State, it.Class, it.Reason = staging.ItemPending, class, reason
}
