package bridge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/staging"
)

// Row is one answer to a query at STUDY level, as it came: UIDs may be empty or
// come twice.
type Row struct {
	Study staging.Study
	Time  string // Study Time, a TM
}

// rowFinder is a Finder that tells every answer, so that they can be counted.
type rowFinder interface {
	Rows(ctx context.Context, q StudyQuery) iter.Seq2[Row, error]
}

var _ rowFinder = (*Peer)(nil)

// TruncatedError tells that OLD answers a query with fewer studies than it holds,
// and that the query could not be cut into parts that it answers whole.
type TruncatedError struct {
	Query   string
	Answers int
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the old PACS cuts its answers short: %d studies for %s, and there are more; neither hours nor modalities nor patient IDs cut the query into parts that it answers whole",
		e.Answers, e.Query)
}

// Temporary is false: the limit must be raised there, or the studies named.
func (e *TruncatedError) Temporary() bool { return false }

const (
	findTries = 3           // how often a query is sent before it is asked for less, or the inventory fails
	findPause = time.Second // before the second try, doubled for the third
)

// census asks OLD for all studies of a query, and finds out where it does not tell
// all: it says so (A700), or the number of its answers is a round one, or one that
// came up before, or the parts of the query have more answers than the whole. Then
// the query is cut into parts until the answers are below the limit.
type census struct {
	old   Finder
	pause time.Duration
	log   *slog.Logger

	highest    int             // most answers to one query so far
	ignored    map[cut]bool    // what OLD does not match by
	modalities map[string]bool // that answers named
	accepted   map[Window]int  // answers to windows that were not suspicious
	limits     map[int]bool    // numbers of answers that were not all
	everything *everything     // where OLD ignores dates
	single     bool            // one window is all that is asked for: not for everything then
	stumbling
}

// everything is what OLD answers without a date, as far as it is of the days in
// question. It is asked for once, when OLD turns out to ignore dates.
type everything struct {
	rows []Row
	err  error
}

func newCensus(old Finder, pause time.Duration, log *slog.Logger) *census {
	return &census{old: old, pause: orDefault(pause, findPause), log: log,
		ignored: map[cut]bool{}, modalities: map[string]bool{}, accepted: map[Window]int{}, limits: map[int]bool{}}
}

// take is given each answer that belongs to the query, some of them repeatedly.
type take func(Row) error

// window takes all studies of a window, which is part of days. doubt says that
// somebody knows of more than OLD has answered before.
func (c *census) window(ctx context.Context, w, days Window, doubt bool, take take) error {
	if !c.ignored[byDate] {
		var known suspicion
		if doubt {
			known = suspicion{limit: 1, known: true}
		}
		_, err := c.sweep(ctx, StudyQuery{Window: w}, known, take)
		if !c.ignored[byDate] {
			return err
		}
	}
	if c.single {
		return errIgnoresDates
	}
	if c.everything == nil {
		all := &everything{}
		_, all.err = c.sweep(ctx, StudyQuery{}, suspicion{}, func(row Row) error {
			if row.Study.Date == "" || days.holds(row.Study.Date) {
				all.rows = append(all.rows, row)
			}
			return nil
		})
		if all.err != nil && !partial(all.err) {
			return all.err
		}
		c.everything = all
	}
	for _, row := range c.everything.rows {
		if row.Study.Date == "" || w.holds(row.Study.Date) {
			if err := take(row); err != nil {
				return err
			}
		}
	}
	return c.everything.err
}

// suspicion is why answers may not be all.
type suspicion struct {
	limit int  // so many answers, or more, may be a limit's; zero: no such number
	known bool // there are more than OLD has answered
}

// sweep takes all studies of a query and returns their UIDs.
func (c *census) sweep(ctx context.Context, q StudyQuery, s suspicion, take take) (map[string]bool, error) {
	answers, err := c.ask(ctx, q, take)
	if as[*UnableError](err) {
		return c.divide(ctx, q, err, take)
	}
	if err != nil {
		return nil, err
	}
	reached := s.limit > 0 && answers.rows >= s.limit
	suspicious := reached || c.suspicious(answers.rows)
	c.highest = max(c.highest, answers.rows)
	if !answers.cutShort && !suspicious {
		if q == (StudyQuery{Window: q.Window, keys: q.keys}) {
			c.accepted[q.Window] = answers.rows
		}
		return answers.uids, nil
	}
	s = suspicion{limit: answers.rows, known: s.known && reached || answers.cutShort}
	all, whole, proven, err := c.parts(ctx, q, answers, s, take)
	if proven {
		c.limits[answers.rows] = true
	}
	if err != nil || whole {
		return all, err
	}
	if proven {
		return all, &TruncatedError{Query: q.describe(), Answers: answers.rows}
	}
	c.log.Info("the old PACS answered a suspicious number of studies, and nothing shows that there are more",
		"query", q.describe(), "answers", answers.rows)
	return all, nil
}

// doubtful reports whether a window was believed that had as many answers as a
// limit found later allows.
func (c *census) doubtful(w Window) bool {
	rows, accepted := c.accepted[w]
	return accepted && c.limits[rows]
}

// parts asks for the parts of a query, cut one way after the other, until those of
// one way hold all that the query itself was answered with. A way that leaves some
// out, such as studies without a time, may leave out others too.
func (c *census) parts(ctx context.Context, q StudyQuery, answers answers, s suspicion, take take) (all map[string]bool, whole, proven bool, err error) {
	all, proven = maps.Clone(answers.uids), answers.cutShort
	for _, way := range c.ways(q, proven || s.known) {
		union := map[string]bool{}
		short := false
		var pieces error // that OLD is unable to answer
		for _, part := range way.parts {
			found, err := c.sweep(ctx, part, s, take)
			maps.Copy(union, found)
			switch {
			case as[*TruncatedError](err):
				short = true
			case as[*UnableError](err):
				pieces = errors.Join(pieces, err)
			case err != nil:
				return all, false, proven, err
			}
			if c.ignored[way.by] {
				break
			}
		}
		proven = proven || short || !within(union, all)
		maps.Copy(all, union)
		if !c.ignored[way.by] && within(answers.uids, union) {
			return all, !short, proven, pieces // what is short in all its parts is so in those of other ways
		}
	}
	return all, false, proven, nil
}

func within(some, all map[string]bool) bool {
	for uid := range some {
		if !all[uid] {
			return false
		}
	}
	return true
}

// suspicious are numbers of answers that a limit may have made: round ones, powers
// of two, and the highest number so far when it comes up again.
func (c *census) suspicious(rows int) bool {
	round := rows >= 10 && rows%10 == 0
	power := rows >= 16 && rows&(rows-1) == 0
	return round || power || rows >= 5 && rows == c.highest
}

// answers is what one query was answered with.
type answers struct {
	uids     map[string]bool // of the studies that belong to it
	rows     int             // all answers
	cutShort bool            // OLD says that there are more
}

// tries sends one query, and again when it did not come to its end, so many times in all.
func (c *census) tries(ctx context.Context, q StudyQuery, most int, take take) (answers, error) {
	for try := 1; ; try++ {
		a, err := c.askOnce(ctx, q, take)
		if err == nil || ctx.Err() != nil {
			return a, err
		}
		verdict := classify(err).Verdict
		alone := q.StudyUID != "" && unable(err) // its window was asked for repeatedly
		switch {
		case tooMany(err) && (a.rows > 0 || try == most):
			a.cutShort = true
			return a, nil
		case try == most || alone || verdict == Hopeless || verdict == Halt || as[takeError](err):
			return a, fmt.Errorf("find %s at the old PACS: %w", q.describe(), err)
		}
		c.log.Warn("inventory query will be tried again", "query", q.describe(), "try", try, "of", most, "error", err)
		if err := wait(ctx, c.pause<<(try-1)); err != nil {
			return a, err
		}
	}
}

// tooMany fits final statuses that end a query before its end: A7xx out of
// resources, and FE00 where nobody has cancelled.
func tooMany(err error) bool {
	return answered(func(s dimse.Status) bool { return s&0xFF00 == 0xA700 || s == dimse.StatusCancelled })(err)
}

// takeError is an error of ours in the middle of a query.
type takeError struct{ error }

func (e takeError) Unwrap() error { return e.error }

func (c *census) askOnce(ctx context.Context, q StudyQuery, take take) (answers, error) {
	a := answers{uids: map[string]bool{}}
	outside := map[cut]int{}
	for row, err := range rowsOf(ctx, c.old, q) {
		if err != nil {
			return a, err
		}
		a.rows++
		if row.Study.UID == "" {
			continue
		}
		c.notice(row)
		by := q.leavesOut(row)
		if by != "" {
			outside[by]++
		} else {
			a.uids[row.Study.UID] = true
		}
		if by != "" && row.Study.Date != "" {
			continue
		}
		if err := take(row); err != nil {
			return a, takeError{err}
		}
	}
	c.answered = c.answered || q.keys == c.least && a.rows > 0
	for by, n := range outside {
		if 4*n >= a.rows && !c.ignored[by] {
			c.ignored[by] = true
			c.log.Warn("the old PACS does not match by this; its answers are filtered here", "key", string(by), "query", q.describe(), "outside", n, "answers", a.rows)
		}
	}
	return a, nil
}

// notice remembers the modalities that studies have.
func (c *census) notice(row Row) {
	for _, modality := range modalitiesOf(row.Study) {
		c.modalities[modality] = true
	}
}

// rowsOf asks for rows where the finder can tell them, else for studies.
func rowsOf(ctx context.Context, old Finder, q StudyQuery) iter.Seq2[Row, error] {
	if finder, can := old.(rowFinder); can {
		return finder.Rows(ctx, q)
	}
	return func(yield func(Row, error) bool) {
		for study, err := range old.Studies(ctx, q) {
			if !yield(Row{Study: study}, err) {
				return
			}
		}
	}
}
