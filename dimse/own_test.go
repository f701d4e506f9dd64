package dimse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

func TestEcho(t *testing.T) {
	a := dial(t, serve(t, &dimse.Server{}), propose(uid.Verification, uid.ImplicitLE))
	for range 3 {
		if err := a.Echo(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if a.Usable() {
		t.Error("usable after its release")
	}
	if err := a.Echo(testContext(t)); !errors.Is(err, dimse.ErrClosed) {
		t.Errorf("echo after release: %v", err)
	}
}

func TestStoreCarriesBytesUnchanged(t *testing.T) {
	for _, maxPDU := range []uint32{0, 7, 8, 12, 4096, 16384, 1<<32 - 1} {
		for _, size := range []int{0, 1, 2, 4084, 4090, 4091, 16378, 131066, 131067, 300_001} {
			if maxPDU > 0 && maxPDU < 100 && size > 5000 {
				continue
			}
			t.Run(fmt.Sprintf("%d bytes in PDUs of %d", size, maxPDU), func(t *testing.T) {
				k := new(keeper)
				a := dial(t, serve(t, &dimse.Server{MaxPDU: maxPDU, Handlers: dimse.Handlers{Store: k}}), propose(uid.CTImageStorage))
				data := pattern(size)
				for i := range 2 {
					result, err := a.Store(testContext(t), dimse.StoreRequest{
						SOPClass: uid.CTImageStorage, SOPInstance: fmt.Sprintf("1.2.%d", i+1), TransferSyntax: uid.ExplicitLE,
						Data: bytes.NewReader(data), Size: int64(size), MoveOriginatorAE: "MOVER", MoveOriginatorMessageID: 77,
					})
					if err != nil || result.Status != dimse.StatusSuccess {
						t.Fatal(result, err)
					}
				}
				got := k.instances()
				if len(got) != 2 || !bytes.Equal(got[0].data, data) || !bytes.Equal(got[1].data, data) {
					t.Fatal("data set differs")
				}
				if got[0].MoveOriginatorAE != "MOVER" || got[0].MoveOriginatorMessageID != 77 || got[1].SOPInstance != "1.2.2" || got[0].CallingAE != "USER" {
					t.Errorf("%+v", got[0].Instance)
				}
			})
		}
	}
}

// finder yields n matches; the study UIDs count up.
// panicFinder is a handler with a bug.
type panicFinder struct{}

func (panicFinder) Find(context.Context, dimse.FindQuery) iter.Seq2[*dataset.Dataset, error] {
	return func(func(*dataset.Dataset, error) bool) { panic("bug in find") }
}

type finder struct {
	n     int
	ended chan error
}

func (f *finder) Find(ctx context.Context, q dimse.FindQuery) iter.Seq2[*dataset.Dataset, error] {
	return func(yield func(*dataset.Dataset, error) bool) {
		defer func() { f.ended <- context.Cause(ctx) }()
		for i := range f.n {
			if !yield(dataset.New().SetString(dataset.StudyInstanceUID, fmt.Sprintf("1.2.%d", i+1)), nil) {
				return
			}
		}
	}
}

func TestFindYieldsEveryMatch(t *testing.T) {
	f := &finder{n: 1000, ended: make(chan error, 1)}
	a := dial(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Find: f}}), propose(uid.StudyRootFind))
	n := 0
	for match, err := range a.Find(testContext(t), dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: dataset.New()}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; match.String(dataset.StudyInstanceUID) != fmt.Sprintf("1.2.%d", n) {
			t.Fatalf("match %d is %q", n, match.String(dataset.StudyInstanceUID))
		}
	}
	if n != 1000 {
		t.Errorf("%d matches", n)
	}
}

func TestBreakingAFindCancelsItAndKeepsTheAssociation(t *testing.T) {
	f := &finder{n: 1 << 30, ended: make(chan error, 1)}
	a := dial(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Find: f}}), propose(uid.StudyRootFind), propose(uid.Verification))
	for _, err := range a.Find(testContext(t), dimse.FindRequest{SOPClass: uid.StudyRootFind}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if err := <-f.ended; err == nil {
		t.Error("the handler was not cancelled")
	}
	if err := a.Echo(testContext(t)); err != nil {
		t.Error(err)
	}
}
