package bridge

import (
	"context"
	"sync"
	"time"

	"pacsbridge/dimse"
)

const (
	// lateFor is how long an instance is still taken in after its study was given
	// up without it.
	lateFor = time.Hour
	// lateStudies is how many such studies are remembered before old ones are dropped.
	lateStudies = 10000
)

// latecomers are the instances that studies were closed without, and those of them
// that have come since.
type latecomers struct {
	mu      sync.Mutex
	studies map[string]*lateStudy
}

type lateStudy struct {
	until  time.Time
	wanted map[string]bool
	came   map[string]Arrival
}

// want remembers what a study was closed without.
func (l *latecomers) want(studyUID string, missing []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(missing) == 0 {
		delete(l.studies, studyUID)
		return
	}
	if l.studies == nil || len(l.studies) >= lateStudies {
		l.studies = map[string]*lateStudy{} // what they lack is asked for again anyway
	}
	s := &lateStudy{until: time.Now().Add(lateFor), wanted: map[string]bool{}, came: map[string]Arrival{}}
	for _, uid := range missing {
		s.wanted[uid] = true
	}
	l.studies[studyUID] = s
}

// wants reports whether a study was closed without this instance.
func (l *latecomers) wants(studyUID, uid string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.studies[studyUID]
	return s != nil && s.wanted[uid] && time.Now().Before(s.until)
}

func (l *latecomers) add(studyUID string, a Arrival) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.studies[studyUID]; s != nil {
		s.came[a.UID] = a
	}
}

// take gives what has come since a study was closed, and forgets it.
func (l *latecomers) take(studyUID string) map[string]Arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.studies[studyUID]
	delete(l.studies, studyUID)
	if s == nil {
		return nil
	}
	return s.came
}

// late takes an instance in that its study was closed without. The next attempt
// finds it in the spool; a study that has failed for it is opened again.
func (b *Inbox) late(ctx context.Context, studyUID, seriesUID string, in *dimse.Instance) error {
	arrival, err := b.keep(studyUID, in, b.Throttle.Reader(ctx, in.Data))
	if err != nil {
		return err
	}
	arrival.SeriesUID = seriesUID
	b.cameLate(ctx, studyUID, arrival)
	return nil
}

// cameLate notes an instance that is whole in the spool and that its study was closed without.
func (b *Inbox) cameLate(ctx context.Context, studyUID string, arrival Arrival) {
	b.closed.add(studyUID, arrival)
	b.Logger.Warn("an instance came after its study was given up without it", "study", studyUID, "instance", arrival.UID)
	if b.Reopen == nil {
		return
	}
	if err := b.Reopen(context.WithoutCancel(ctx), studyUID); err != nil {
		b.Logger.Error("study not opened again for a late instance", "study", studyUID, "error", err)
	}
}
