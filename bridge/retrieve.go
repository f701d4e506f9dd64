package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// Source sends instances to our inbox when asked.
type Source interface {
	// Retrieve returns when the PACS says it has sent what the selection names, or
	// the error it ended with; a warning (B000) is one. What arrived is for the
	// inbox to tell. alive is when an instance came in last: a PACS that
	// sends is not silent, even when it answers nothing.
	Retrieve(ctx context.Context, s Selection, alive func() time.Time) error
}

// Selection names what is asked for: a study, or one series of it, or instances
// of one series.
type Selection struct {
	StudyUID  string
	SeriesUID string
	Instances []string
	Classes   []string // the SOP classes of what is asked for, as far as they are known
}

// whole reports whether the whole study is asked for.
func (s Selection) whole() bool { return s.SeriesUID == "" && len(s.Instances) == 0 }

func (s Selection) String() string {
	switch {
	case len(s.Instances) == 1:
		return "instance " + s.Instances[0]
	case len(s.Instances) > 1:
		return fmt.Sprintf("%d instances of series %s", len(s.Instances), s.SeriesUID)
	case s.SeriesUID != "":
		return "series " + s.SeriesUID
	}
	return "study " + s.StudyUID
}

// identifier names the selection with the unique keys of its level (PS3.4 §C.4.2.2.1).
func (s Selection) identifier() *dataset.Dataset {
	d := identifier(studyLevel, s.StudyUID, s.SeriesUID)
	switch {
	case len(s.Instances) > 0:
		d.SetString(dataset.QueryRetrieveLevel, imageLevel)
		d.SetString(dataset.SOPInstanceUID, s.Instances...)
	case s.SeriesUID != "":
		d.SetString(dataset.QueryRetrieveLevel, seriesLevel)
	}
	return d
}

// DestinationError is OLD's answer A801: it does not know the AE title that the
// C-MOVE named, so no study at all can be moved.
type DestinationError struct {
	AE  string
	Err error
}

func (e *DestinationError) Error() string {
	return fmt.Sprintf("move destination %s is not known there: %v", e.AE, e.Err)
}

// Unwrap returns the status as it came.
func (e *DestinationError) Unwrap() error { return e.Err }

// Temporary is false: a person must register the AE title.
func (e *DestinationError) Temporary() bool { return false }

// UnmovedError is the answer Cxxx to a C-MOVE of an OLD that has answered none
// otherwise yet: Orthanc says no more than that where it does not know the destination.
type UnmovedError struct {
	AE  string
	Err error
}

func (e *UnmovedError) Error() string {
	return fmt.Sprintf("%v (it has answered every C-MOVE so, and may not know %s as a move destination)", e.Err, e.AE)
}

// Unwrap returns the status as it came.
func (e *UnmovedError) Unwrap() error { return e.Err }

// suspect wraps an answer to C-MOVE where it may mean that OLD does not know us, and
// tells that once.
func (p *Peer) suspect(answer error) error {
	if !answered(func(s dimse.Status) bool { return s&0xF000 == 0xC000 })(answer) {
		p.moves.Store(true)
		return answer
	}
	if p.moves.Load() {
		return answer
	}
	if p.suspected.CompareAndSwap(false, true) {
		p.Logger.Warn("it answers C-MOVE with a failure that may mean that it does not know us; register the AE title there as a C-MOVE destination",
			"peer", p.Name, "destination", p.Destination, "error", answer)
	}
	return &UnmovedError{AE: p.Destination, Err: answer}
}

// Retrieve asks OLD to send the selection to Destination (C-MOVE).
func (p *Peer) Retrieve(ctx context.Context, s Selection, alive func() time.Time) error {
	return p.with(ctx, dimse.ServiceMove, contexts(forRetrieval), func(a *dimse.Association) error {
		result, err := a.Move(ctx, dimse.MoveRequest{
			SOPClass:    uid.StudyRootMove,
			Destination: p.Destination,
			Identifier:  s.identifier(),
			Alive:       alive,
		})
		var status *dimse.StatusError
		if errors.As(err, &status) && status.Status == dimse.StatusMoveDestination {
			return &DestinationError{AE: p.Destination, Err: err}
		}
		if err != nil && !as[*dimse.StatusError](err) {
			return fmt.Errorf("C-MOVE of %s: %w", s, err)
		}
		if err = p.suspect(err); err != nil {
			return fmt.Errorf("C-MOVE of %s: %w", s, err)
		}
		if result.Status != dimse.StatusSuccess {
			return fmt.Errorf("C-MOVE of %s: %w", s, &dimse.StatusError{Service: dimse.ServiceMove, Status: result.Status})
		}
		return nil
	})
}
