package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
)

// keys says which attributes a query at STUDY level asks for: each step leaves out
// some that are optional (PS3.4 table C.6-5). Archives look into the files for what
// their index does not hold, and are unable to answer where such a file is lost.
type keys int

const (
	allKeys      keys = iota
	indexedKeys       // those that Orthanc answers from its index
	requiredKeys      // the unique and required ones
)

// tags are the attributes asked for.
func (k keys) tags() []dataset.Tag {
	tags := []dataset.Tag{dataset.SpecificCharacterSet, dataset.StudyInstanceUID, dataset.StudyDate, dataset.StudyTime,
		dataset.AccessionNumber, dataset.PatientID}
	if k <= indexedKeys {
		tags = append(tags, dataset.ModalitiesInStudy, dataset.StudyDescription, dataset.NumberOfStudyRelatedInstances)
	}
	if k == allKeys {
		tags = append(tags, dataset.IssuerOfPatientID)
	}
	return tags
}

// UnableError tells which part of an inventory query OLD cannot answer, although it
// was asked for the unique and required keys alone, and answers other queries.
type UnableError struct {
	Query string
	Err   error
}

func (e *UnableError) Error() string {
	return fmt.Sprintf("the old PACS is unable to answer which %s it holds, although it answers other queries (it may have lost a file of such a study): %v",
		e.Query, e.Err)
}

// Unwrap returns the status that it answered.
func (e *UnableError) Unwrap() error { return e.Err }

// Temporary is false: it was asked repeatedly, and must be mended there.
func (e *UnableError) Temporary() bool { return false }

// unable fits the statuses of an archive that stumbles while it processes a query:
// Cxxx unable to process (PS3.4 table C.4-1), and 0110 processing failure.
func unable(err error) bool {
	return answered(func(s dimse.Status) bool { return s&0xF000 == 0xC000 || s == dimse.StatusProcessingFailure })(err)
}

// partial fits errors of an inventory that leave out a part of it only.
func partial(err error) bool { return as[*TruncatedError](err) || as[*UnableError](err) }

const (
	// mostDivided is how many queries of a census are cut into parts because OLD is
	// unable to answer them: one that matches by no key would be asked for ever.
	mostDivided = 128
	// habit is after how many studies that OLD cannot describe, and none that it can,
	// optional keys are given up.
	habit = 3
	// noStudy is the UID of no study: that of the null UUID (PS3.5 §B.2).
	noStudy = "2.25.0"
)

// stumbling is what a census learns about queries that OLD is unable to answer.
type stumbling struct {
	least    keys // what is left out from the start
	answered bool // studies were told of with all keys
	studies  int  // that OLD was unable to tell of with the least
	divided  int  // queries that were cut into parts
}

// ask sends one query. Where OLD is unable to answer it, and answers others, it is
// asked for fewer keys, and then for more of each study that it found.
func (c *census) ask(ctx context.Context, q StudyQuery, take take) (answers, error) {
	q.keys = max(q.keys, c.least)
	a, err := c.tries(ctx, q, findTries, take)
	if !unable(err) || ctx.Err() != nil || !c.answersOthers(ctx) {
		return a, err
	}
	for q.keys < requiredKeys && unable(err) {
		q.keys++
		var rows []Row
		a, err = c.tries(ctx, q, 1, func(row Row) error {
			rows = append(rows, row)
			return nil
		})
		if err == nil {
			return a, c.complete(ctx, rows, q.keys, take)
		}
	}
	if unable(err) && ctx.Err() == nil {
		err = &UnableError{Query: q.describe(), Err: err}
	}
	return a, err
}

// answersOthers asks for a study that there is not, by the fewest keys.
func (c *census) answersOthers(ctx context.Context) bool {
	_, err := c.askOnce(ctx, StudyQuery{StudyUID: noStudy, keys: requiredKeys}, func(Row) error { return nil })
	return err == nil
}

// complete takes rows that were answered to a query for some keys, each with all that
// OLD can tell of that study alone.
func (c *census) complete(ctx context.Context, rows []Row, told keys, take take) error {
	for _, row := range rows {
		fuller, err := c.fuller(ctx, row, told)
		if err != nil {
			return err
		}
		if err := take(fuller); err != nil {
			return takeError{err}
		}
	}
	if c.habitual() && c.least < told {
		c.least = told
		c.log.Warn("the old PACS is unable to answer optional keys; they are left out from here on")
	}
	return nil
}

// habitual reports whether OLD has never answered the keys that it is asked for.
func (c *census) habitual() bool { return !c.answered && c.studies >= habit }

// fuller is a row with as many keys as OLD can answer of the study; what it told when
// it was asked for the day is the least.
func (c *census) fuller(ctx context.Context, row Row, told keys) (Row, error) {
	for k := c.least; k < told && !c.habitual(); k++ {
		fuller, err := c.alone(ctx, row, k)
		if !unable(err) {
			return fuller, err
		}
		if k == c.least {
			c.studies++
			c.log.Warn("the old PACS is unable to tell all of a study; it may have lost a file of it", "study", row.Study.UID, "error", err)
		}
	}
	return row, nil
}

// alone asks for one study, of which a row is known.
func (c *census) alone(ctx context.Context, known Row, k keys) (Row, error) {
	_, err := c.tries(ctx, StudyQuery{StudyUID: known.Study.UID, keys: k}, findTries, func(row Row) error {
		if row.Study.UID == known.Study.UID {
			known = row
		}
		return nil
	})
	return known, err
}

// divide takes all studies of a query that OLD is unable to answer, except the least
// part that it is unable to answer: a second, or one modality in it. That is told.
func (c *census) divide(ctx context.Context, q StudyQuery, cause error, take take) (map[string]bool, error) {
	if c.divided++; c.divided > mostDivided {
		return nil, cause
	}
	q.keys = requiredKeys
	all := map[string]bool{}
	// Studies without a time are in no hour: where all hours are answered, one of those
	// may be the cause, and the modalities tell.
	for _, way := range c.divisions(q) {
		pieces, none, err := c.each(ctx, way.parts, all, take)
		switch {
		case err != nil:
			return all, err
		case none: // cutting was no use
			return all, cause
		case pieces != nil:
			return all, pieces
		}
	}
	if q.Modality != "" || c.ignored[byModality] {
		return all, cause
	}
	return all, nil
}

func (c *census) divisions(q StudyQuery) []division {
	var ways []division
	if !q.Window.From.IsZero() && !c.ignored[byDate] && !c.ignored[q.timeCut()] {
		ways = append(ways, division{q.timeCut(), q.halves()})
	}
	if !c.ignored[byModality] {
		ways = append(ways, division{byModality, q.modalities(c.modalities)})
	}
	return ways
}

// each takes all studies of the parts of a query. pieces are what is left out; none
// says that OLD is unable to answer anything of any part.
func (c *census) each(ctx context.Context, parts []StudyQuery, all map[string]bool, take take) (pieces error, none bool, err error) {
	none = len(parts) > 0
	for _, part := range parts {
		found, err := c.sweep(ctx, part, suspicion{}, take)
		maps.Copy(all, found)
		if err != nil && !partial(err) {
			return nil, false, err
		}
		pieces = errors.Join(pieces, err)
		var piece *UnableError
		none = none && errors.As(err, &piece) && piece.Query == part.describe()
	}
	return pieces, none, nil
}
