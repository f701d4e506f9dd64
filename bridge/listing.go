package bridge

import (
	"context"
	"fmt"

	"pacsbridge/dimse"
)

// CountsOnlyError tells that a PACS answers no query for instances, at whatever
// level, and how many it counts.
type CountsOnlyError struct {
	StudyUID string
	Counted  int
	Err      error // why it lists none
}

func (e *CountsOnlyError) Error() string {
	return fmt.Sprintf("instances of study %s cannot be listed, only counted (%d): %v", e.StudyUID, e.Counted, e.Err)
}

// Unwrap returns the answer to the query for instances.
func (e *CountsOnlyError) Unwrap() error { return e.Err }

// ShortListError tells that a PACS cut the list of instances short and said so.
type ShortListError struct {
	StudyUID string
	Counted  int // -1 where it does not count
	Err      error
}

func (e *ShortListError) Error() string {
	return fmt.Sprintf("the list of the instances of study %s was cut short: %v", e.StudyUID, e.Err)
}

// Unwrap returns the status that ended the list.
func (e *ShortListError) Unwrap() error { return e.Err }

// Instances lists a study of which nobody knows how many instances it has.
func (p *Peer) Instances(ctx context.Context, studyUID string) ([]Listed, error) {
	return p.InstancesOf(ctx, studyUID, unknownCount)
}

// InstancesOf lists a study: all of it at once, which most archives answer though
// PS3.4 §C.4.1.3.1 does not demand it. That list is believed when it is as long as
// counted. Otherwise the study is listed series by series, as the hierarchical search
// has it. An archive that refuses both counts the instances: a *CountsOnlyError.
func (p *Peer) InstancesOf(ctx context.Context, studyUID string, counted int) ([]Listed, error) {
	l := newInstanceList(p, studyUID)
	l.counted = counted
	if counted > 0 {
		if err := l.atOnce(ctx); err != nil {
			return nil, fmt.Errorf("list instances of study %s: %w", studyUID, err)
		}
		if len(l.listed) == counted {
			return l.listed, nil
		}
	}
	return l.inParts(ctx)
}

// unknownCount stands for the number of instances of a study that nobody has counted.
const unknownCount = -1

// refusedQuery fits the statuses of an archive that does not do this query: A900,
// 0122, Cxxx and the like.
func refusedQuery(err error) bool {
	return answered(func(s dimse.Status) bool { return !busy(s) && s != dimse.StatusCancelled })(err)
}

// count asks whether the PACS holds a study, and of how many instances; -1 where
// that is not told.
func (p *Peer) count(ctx context.Context, studyUID string) (instances int, held bool, err error) {
	for study, err := range p.Studies(ctx, StudyQuery{StudyUID: studyUID}) {
		if err != nil {
			return -1, false, err
		}
		if study.UID == studyUID {
			return study.ListedInstances, true, nil
		}
	}
	return -1, false, nil
}

// listedAt lists what of a collection stands at a PACS. One that cuts its lists
// short is asked by their UIDs for the objects it left out.
func listedAt(ctx context.Context, at Lister, c *Collection) ([]Listed, error) {
	listed, err := listCounted(ctx, at, c.Study.UID, c.objects())
	holder, can := at.(Holder)
	if err != nil && !(can && as[*ShortListError](err)) {
		return nil, err
	}
	if !can {
		return listed, nil
	}
	there, absent := uidsOf(listed), map[string][]string{}
	for _, it := range c.toStore() {
		if !there[it.ObjectUID] && it.ObjectUID != "" {
			absent[it.SeriesUID] = append(absent[it.SeriesUID], it.ObjectUID)
		}
	}
	for series, uids := range absent {
		held, err := holder.Held(ctx, c.Study.UID, series, uids)
		if err != nil && !refusedQuery(err) {
			return nil, err
		}
		listed = append(listed, held...)
	}
	return listed, nil
}

// listCounted lists a study whose instances somebody has counted.
func listCounted(ctx context.Context, at Lister, studyUID string, counted int) ([]Listed, error) {
	if counting, can := at.(CountedLister); can {
		return counting.InstancesOf(ctx, studyUID, counted)
	}
	return at.Instances(ctx, studyUID)
}
