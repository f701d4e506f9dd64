package dimse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

func moveTo(destination string) dimse.MoveRequest {
	return dimse.MoveRequest{
		SOPClass: uid.StudyRootMove, Destination: destination,
		Identifier: dataset.New().SetString(dataset.QueryRetrieveLevel, "STUDY").SetString(dataset.StudyInstanceUID, "1.2"),
	}
}

func TestMoveTellsItsProgress(t *testing.T) {
	a := dial(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Move: mover{n: 3}}}), propose(uid.StudyRootMove))
	var progress []dimse.SubOperations
	var started uint16
	r := moveTo("KNOWN")
	r.Progress = func(n dimse.SubOperations) { progress = append(progress, n) }
	r.Started = func(id uint16) { started = id }
	result, err := a.Move(testContext(t), r)
	if err != nil {
		t.Fatal(err)
	}
	want := []dimse.SubOperations{{Remaining: 2, Completed: 1}, {Remaining: 1, Completed: 2}, {Remaining: 0, Completed: 3}}
	if diff := cmp.Diff(want, progress); diff != "" {
		t.Error(diff)
	}
	if result.Completed != 3 || result.Status != dimse.StatusSuccess || started == 0 || started != result.MessageID {
		t.Errorf("%+v, started %d", result, started)
	}
	_, err = a.Move(testContext(t), moveTo("ELSEWHERE"))
	var status *dimse.StatusError
	if !errors.As(err, &status) || status.Status != dimse.StatusMoveDestination || temporary(err) {
		t.Error(err)
	}
}

// finalMove plays a provider that gives one final answer to a C-MOVE.
func finalMove(t *testing.T, final dimse.Command, failed ...string) (dimse.MoveResult, error) {
	a := dial(t, provider(t, func(s *script) {
		s.accept()
		s.receive()
		s.receive()
		final.Field, final.RespondedTo, final.HasData = dimse.CMoveRSP, 1, len(failed) > 0
		s.command(1, final)
		if len(failed) > 0 {
			b, err := dataset.New().SetString(dataset.FailedSOPInstanceUIDList, failed...).AppendTo(nil, uid.ExplicitLE)
			if err != nil {
				s.t.Error(err)
			}
			s.data(1, true, b)
		}
		s.wantAbort()
	}), propose(uid.StudyRootMove))
	return a.Move(testContext(t), moveTo("KNOWN"))
}

func TestFinalAnswersOfAMove(t *testing.T) {
	t.Run("some failed", func(t *testing.T) {
		result, err := finalMove(t, dimse.Command{Status: 0xB000, SubOperations: &dimse.SubOperations{Remaining: -1, Completed: 5, Failed: 2, Warning: 0}}, "1.2.3", "1.2.4")
		if err != nil || result.Status.Class() != dimse.Warning || result.Failed != 2 || result.Remaining != -1 || !slices.Equal(result.FailedUIDs, []string{"1.2.3", "1.2.4"}) {
			t.Errorf("%+v, %v", result, err)
		}
	})
	t.Run("no counts are not zero", func(t *testing.T) {
		result, err := finalMove(t, dimse.Command{})
		if err != nil || result.SubOperations != (dimse.SubOperations{Remaining: -1, Completed: -1, Failed: -1, Warning: -1}) {
			t.Errorf("%+v, %v", result, err)
		}
	})
	t.Run("out of resources", func(t *testing.T) {
		_, err := finalMove(t, dimse.Command{Status: 0xA702, Comment: "busy"}, "1.2.3")
		var status *dimse.StatusError
		if !errors.As(err, &status) || !temporary(err) || status.Comment != "busy" || !slices.Equal(status.FailedUIDs, []string{"1.2.3"}) {
			t.Errorf("%v", err)
		}
	})
}

func TestInstancesThatArriveKeepAMoveAlive(t *testing.T) {
	goOn := make(chan struct{})
	a := impatient(t, provider(t, func(s *script) {
		s.accept()
		s.receive()
		s.receive()
		<-goOn
		s.command(1, dimse.Command{Field: dimse.CMoveRSP, RespondedTo: 1})
		s.wantAbort()
	}), propose(uid.StudyRootMove))
	arrivals := 0
	r := moveTo("KNOWN")
	r.Alive = func() time.Time { // asked at each time-out
		if arrivals++; arrivals == 3 {
			close(goOn)
		}
		return time.Now()
	}
	if _, err := a.Move(testContext(t), r); err != nil || arrivals < 3 {
		t.Errorf("%v after %d arrivals", err, arrivals)
	}
}

// waiting is a C-MOVE handler that goes on until it is cancelled.
type waiting struct{ begun chan struct{} }

func (w waiting) Move(ctx context.Context, _ dimse.MoveQuery, _ func(dimse.SubOperations)) (dimse.MoveResult, error) {
	close(w.begun)
	<-ctx.Done()
	return dimse.MoveResult{SubOperations: dimse.SubOperations{Remaining: 7, Completed: 1}}, nil
}

func TestContextCancelsAMoveAndKeepsTheAssociation(t *testing.T) {
	w := waiting{begun: make(chan struct{})}
	a := dial(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Move: w}}), propose(uid.StudyRootMove), propose(uid.Verification))
	ctx, cancel := context.WithCancel(testContext(t))
	sent := make(chan struct{})
	go func() { <-sent; <-w.begun; cancel() }()
	r := moveTo("KNOWN")
	r.Started = func(uint16) { close(sent) }
	if _, err := a.Move(ctx, r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := a.Echo(testContext(t)); err != nil {
		t.Error(err)
	}
}

// getter sends n instances over the association.
type getter struct{ n int }

func (g getter) Get(ctx context.Context, q dimse.GetQuery, send func(context.Context, dimse.StoreRequest) (dimse.StoreResult, error), progress func(dimse.SubOperations)) (dimse.MoveResult, error) {
	var n dimse.SubOperations
	for i := range g.n {
		r := storeOf(pattern(100_000 + i))
		r.SOPInstance = fmt.Sprintf("1.2.%d", i+1)
		if _, err := send(ctx, r); err != nil {
			n.Failed++
		} else {
			n.Completed++
		}
		n.Remaining = g.n - i - 1
		progress(n)
	}
	return dimse.MoveResult{SubOperations: n}, nil
}

func TestGetReceivesOverTheSameAssociation(t *testing.T) {
	ct := propose(uid.CTImageStorage)
	ct.SCPRole = true
	a := dial(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Get: getter{n: 5}}}), propose(uid.StudyRootGet), ct)
	k := new(keeper)
	result, err := a.Get(testContext(t), dimse.GetRequest{SOPClass: uid.StudyRootGet, Identifier: dataset.New()}, k)
	if err != nil || result.Completed != 5 || result.Failed != 0 {
		t.Fatal(result, err)
	}
	got := k.instances()
	if len(got) != 5 || !bytes.Equal(got[4].data, pattern(100_004)) || got[4].SOPInstance != "1.2.5" {
		t.Errorf("%d instances", len(got))
	}
}
