package bridge

import (
	"context"
	"fmt"
	"slices"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
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

// Instances lists a study series by series, as the hierarchical search of
// PS3.4 §C.4.1.3.1 has it: archives that refuse relational queries answer too. One
// that refuses those is asked for the whole study at once, and one that lists no
// instances at all counts them: a *CountsOnlyError.
func (p *Peer) Instances(ctx context.Context, studyUID string) ([]Listed, error) {
	l := &instanceList{peer: p, studyUID: studyUID, seen: map[string]bool{}}
	err := l.bySeries(ctx)
	if refusedQuery(err) {
		p.Logger.Debug("instances are not listed series by series", "peer", p.Name, "study", studyUID, "error", err)
		if other := l.images(ctx, ""); other == nil || !refusedQuery(other) {
			err = other
		} else if counted, held, counting := p.count(ctx, studyUID); counting == nil && counted > 0 {
			return nil, &CountsOnlyError{StudyUID: studyUID, Counted: counted, Err: err}
		} else if counting == nil && !held {
			return nil, nil // there is no such study to list instances of
		}
	}
	if err != nil && tooMany(err) && len(l.listed) > 0 {
		counted, _, _ := p.count(ctx, studyUID) // -1 or 0 when it does not tell
		return l.listed, &ShortListError{StudyUID: studyUID, Counted: counted, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("list instances of study %s: %w", studyUID, err)
	}
	return l.listed, nil
}

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

// instanceList gathers the instances of a study, each once.
type instanceList struct {
	peer     *Peer
	studyUID string
	seen     map[string]bool
	listed   []Listed
}

func (l *instanceList) bySeries(ctx context.Context) error {
	var series []string
	err := l.peer.find(ctx, identifier(seriesLevel, l.studyUID, "", dataset.SeriesInstanceUID), func(answer *dataset.Dataset) bool {
		if uid := answer.String(dataset.SeriesInstanceUID); uid != "" && !slices.Contains(series, uid) && of(answer, l.studyUID) {
			series = append(series, uid)
		}
		return true
	})
	if err != nil && !(tooMany(err) && len(series) > 0) {
		return fmt.Errorf("list series: %w", err)
	}
	for _, uid := range series {
		if err := l.images(ctx, uid); err != nil {
			return fmt.Errorf("list instances of series %s: %w", uid, err)
		}
	}
	return err
}

// images lists the instances of a series; of all of them at once where none is named.
// SOP classes are not asked for where that is refused: Orthanc looks into the files for
// them, and lists nothing where one of the files is lost.
func (l *instanceList) images(ctx context.Context, seriesUID string) error {
	err := l.imagesWith(ctx, seriesUID, dataset.SOPInstanceUID, dataset.SOPClassUID)
	if refusedQuery(err) && ctx.Err() == nil {
		return l.imagesWith(ctx, seriesUID, dataset.SOPInstanceUID)
	}
	return err
}

func (l *instanceList) imagesWith(ctx context.Context, seriesUID string, keys ...dataset.Tag) error {
	if seriesUID == "" {
		keys = append(keys, dataset.SeriesInstanceUID)
	}
	return l.peer.find(ctx, identifier(imageLevel, l.studyUID, seriesUID, keys...), func(answer *dataset.Dataset) bool {
		one := Listed{UID: answer.String(dataset.SOPInstanceUID), SeriesUID: answer.String(dataset.SeriesInstanceUID), SOPClass: answer.String(dataset.SOPClassUID)}
		if one.SeriesUID == "" {
			one.SeriesUID = seriesUID
		}
		if one.UID != "" && !l.seen[one.UID] && of(answer, l.studyUID) && (seriesUID == "" || one.SeriesUID == seriesUID) {
			l.seen[one.UID] = true
			l.listed = append(l.listed, one)
		}
		return true
	})
}

// of reports whether an answer is of the study; one that does not say is.
func of(answer *dataset.Dataset, studyUID string) bool {
	uid := answer.String(dataset.StudyInstanceUID)
	return uid == "" || uid == studyUID
}

// Held lists those of the given instances of a series that the PACS holds. One that
// answers only some of what was asked is asked for the rest.
func (p *Peer) Held(ctx context.Context, studyUID, seriesUID string, uids []string) ([]Listed, error) {
	var held []Listed
	for some := range slices.Chunk(uids, heldAtOnce) {
		for len(some) > 0 {
			found, err := p.heldOf(ctx, studyUID, seriesUID, some)
			if err != nil {
				return held, fmt.Errorf("ask for instances of series %s: %w", seriesUID, err)
			}
			if len(found) == 0 {
				break
			}
			held = append(held, found...)
			at := uidsOf(found)
			some = slices.DeleteFunc(slices.Clone(some), func(uid string) bool { return at[uid] })
		}
	}
	return held, nil
}

func (p *Peer) heldOf(ctx context.Context, studyUID, seriesUID string, uids []string) ([]Listed, error) {
	var held []Listed
	seen := map[string]bool{}
	asked := identifier(imageLevel, studyUID, seriesUID, dataset.SOPClassUID).SetString(dataset.SOPInstanceUID, uids...)
	err := p.find(ctx, asked, func(answer *dataset.Dataset) bool {
		if uid := answer.String(dataset.SOPInstanceUID); !seen[uid] && slices.Contains(uids, uid) && of(answer, studyUID) {
			seen[uid] = true
			held = append(held, Listed{UID: uid, SeriesUID: seriesUID, SOPClass: answer.String(dataset.SOPClassUID)})
		}
		return true
	})
	if err != nil && tooMany(err) && len(held) > 0 {
		return held, nil
	}
	return held, err
}

// heldAtOnce is how many UIDs one query names.
const heldAtOnce = 50

// listedAt lists what of a collection stands at a PACS. One that cuts its lists
// short is asked by their UIDs for the objects it left out.
func listedAt(ctx context.Context, at Lister, c *Collection) ([]Listed, error) {
	listed, err := at.Instances(ctx, c.Study.UID)
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
