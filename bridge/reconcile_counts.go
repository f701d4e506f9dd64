package bridge

import (
	"context"
	"errors"
	"fmt"

	"pacsbridge/staging"
)

// listOld enters into the collection what OLD lists. Where OLD only counts, or cuts
// its list short, its number is compared with what is known.
func (r *Reconciler) listOld(ctx context.Context, c *Collection, result *Reconciliation) ([]Difference, error) {
	if c.Study.Kind != staging.Images {
		return nil, nil
	}
	listed, err := listCounted(ctx, r.Old, c.Study.UID, c.Study.ListedInstances)
	counted, counts := countOf(err)
	if err != nil && !counts {
		return nil, err
	}
	c.List(listed)
	if !counts {
		return nil, nil
	}
	result.byCount(c)
	if known := len(c.Instances()); counted > known {
		return []Difference{{StudyUID: c.Study.UID, Kind: NotReceived,
			Detail: fmt.Sprintf("the old PACS counts %d instances and does not list them; %d are known", counted, known)}}, nil
	}
	return nil, nil
}

// listNew lists what stands at NEW. Where NEW only counts, its number is compared, and
// nothing is listed.
func (r *Reconciler) listNew(ctx context.Context, c *Collection, result *Reconciliation) ([]Listed, []Difference, error) {
	listed, err := listedAt(ctx, r.New, c)
	var only *CountsOnlyError
	if !errors.As(err, &only) {
		if listed == nil {
			listed = []Listed{}
		}
		return listed, nil, err
	}
	result.byCount(c)
	if expected := c.objects(); only.Counted < expected {
		return nil, []Difference{{StudyUID: c.Study.UID, Kind: MissingAtNew,
			Detail: fmt.Sprintf("the new PACS counts %d instances and does not list them; %d should be there", only.Counted, expected)}}, nil
	}
	return nil, nil, nil
}

// countOf is what a PACS counts that does not list all.
func countOf(err error) (counted int, counts bool) {
	var only *CountsOnlyError
	var short *ShortListError
	switch {
	case errors.As(err, &only):
		return only.Counted, true
	case errors.As(err, &short):
		return short.Counted, true
	}
	return 0, false
}

// byCount marks a study as compared by count only, once.
func (result *Reconciliation) byCount(c *Collection) {
	if n := len(result.ByCount); n == 0 || result.ByCount[n-1] != c.Study.UID {
		result.ByCount = append(result.ByCount, c.Study.UID)
	}
}

// objects counts the objects that a collection has at NEW.
func (c *Collection) objects() int {
	uids := map[string]bool{}
	for _, it := range c.toStore() {
		uids[it.ObjectUID] = true
	}
	return len(uids)
}
