package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pacsbridge/dimse/dataset"
)

// instanceList gathers the instances of a study, each once.
type instanceList struct {
	peer     *Peer
	studyUID string
	seen     map[string]bool
	listed   []Listed
	classes  bool // SOP classes are asked for
	asked    bool // for all of the study at once
	counted  int  // instances of the study; not more than zero where nobody has counted them
	lacking  int  // how many more are counted of single series than are listed
}

func newInstanceList(p *Peer, studyUID string) *instanceList {
	return &instanceList{peer: p, studyUID: studyUID, seen: map[string]bool{}, classes: p.ListClasses}
}

// inParts lists a study series by series, or at once where that is refused, or counts it.
func (l *instanceList) inParts(ctx context.Context) ([]Listed, error) {
	p, studyUID := l.peer, l.studyUID
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
	if l.lacking > 0 && (l.counted <= 0 || len(l.listed) < l.counted) {
		return l.listed, &ShortListError{StudyUID: studyUID, Counted: len(l.listed) + l.lacking, Err: errFewer}
	}
	return l.listed, nil
}

// atOnce asks for all instances of the study. An archive that refuses that, or answers
// for other studies, is not asked so again; what it cuts short is asked for in parts.
func (l *instanceList) atOnce(ctx context.Context) error {
	if l.asked || l.peer.hierarchical.Load() {
		return nil
	}
	l.asked = true
	err := l.images(ctx, "")
	if refusedQuery(err) || errors.Is(err, errStrangers) {
		l.peer.hierarchical.Store(true)
		l.peer.Logger.Info("instances are listed series by series: a study's are not answered at once", "peer", l.peer.Name, "error", err)
		return nil
	}
	if tooMany(err) {
		return nil
	}
	return err
}

// bySeries lists the series of the study, and their instances: at once where there
// are several and all are counted, and each by itself of which that did not bring all.
func (l *instanceList) bySeries(ctx context.Context) error {
	all, err := l.series(ctx)
	if err != nil && !(tooMany(err) && len(all) > 0) {
		return fmt.Errorf("list series: %w", err)
	}
	if len(all) > 1 && !slices.ContainsFunc(all, func(s listedSeries) bool { return s.counted <= 0 }) {
		if err := l.atOnce(ctx); err != nil {
			return err
		}
	}
	for _, s := range all {
		if l.holds(s) {
			continue
		}
		if err := l.images(ctx, s.uid); err != nil {
			return fmt.Errorf("list instances of series %s: %w", s.uid, err)
		}
		l.lacking += max(s.counted-l.of(s), 0)
	}
	return err
}

// listedSeries is a series as an archive lists it.
type listedSeries struct {
	uid     string
	counted int // instances; unknownCount where that is not told
}

func (l *instanceList) series(ctx context.Context) ([]listedSeries, error) {
	var all []listedSeries
	seen := map[string]bool{}
	keys := identifier(seriesLevel, l.studyUID, "", dataset.SeriesInstanceUID, dataset.NumberOfSeriesRelatedInstances)
	err := l.peer.find(ctx, keys, func(answer *dataset.Dataset) bool {
		uid := answer.String(dataset.SeriesInstanceUID)
		if uid == "" || seen[uid] || !of(answer, l.studyUID) {
			return true
		}
		seen[uid] = true
		counted, told := answer.Int(dataset.NumberOfSeriesRelatedInstances)
		if !told {
			counted = unknownCount
		}
		all = append(all, listedSeries{uid, counted})
		return true
	})
	return all, err
}

// holds reports whether the list has as many instances of a series as are counted.
func (l *instanceList) holds(s listedSeries) bool { return l.of(s) == s.counted }

// of is how many instances of a series the list has.
func (l *instanceList) of(s listedSeries) int {
	n := 0
	for _, one := range l.listed {
		if one.SeriesUID == s.uid {
			n++
		}
	}
	return n
}

// images lists the instances of a series; of all of them at once where none is named.
// SOP classes are not asked for where that is refused: Orthanc looks into the files for
// them, and lists nothing where one of the files is lost.
func (l *instanceList) images(ctx context.Context, seriesUID string) error {
	if l.classes {
		err := l.imagesWith(ctx, seriesUID, dataset.SOPInstanceUID, dataset.SOPClassUID)
		if !refusedQuery(err) || ctx.Err() != nil {
			return err
		}
	}
	return l.imagesWith(ctx, seriesUID, dataset.SOPInstanceUID)
}

// errFewer says of a list that nobody called cut short why it is.
var errFewer = errors.New("more are counted of its series")

// errStrangers ends the list of a study at once whose answers are of other studies.
var errStrangers = errors.New("a query for the instances of one study is answered with those of others")

// strangersBorne is how many answers for other studies are read over.
const strangersBorne = 100

func (l *instanceList) imagesWith(ctx context.Context, seriesUID string, keys ...dataset.Tag) error {
	if seriesUID == "" {
		keys = append(keys, dataset.SeriesInstanceUID)
	}
	strangers := 0
	err := l.peer.find(ctx, identifier(imageLevel, l.studyUID, seriesUID, keys...), func(answer *dataset.Dataset) bool {
		one := Listed{UID: answer.String(dataset.SOPInstanceUID), SeriesUID: answer.String(dataset.SeriesInstanceUID), SOPClass: answer.String(dataset.SOPClassUID)}
		if one.SeriesUID == "" {
			one.SeriesUID = seriesUID
		}
		if !of(answer, l.studyUID) || seriesUID != "" && one.SeriesUID != seriesUID {
			strangers++
		} else if one.UID != "" && !l.seen[one.UID] {
			l.seen[one.UID] = true
			l.listed = append(l.listed, one)
		}
		return seriesUID != "" || strangers <= strangersBorne
	})
	if err == nil && seriesUID == "" && strangers > strangersBorne {
		return errStrangers
	}
	return err
}

// of reports whether an answer is of the study; one that does not say is.
func of(answer *dataset.Dataset, studyUID string) bool {
	uid := answer.String(dataset.StudyInstanceUID)
	return uid == "" || uid == studyUID
}
