package bridge

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/sync/errgroup"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
)

// inLine has somebody wait for a place, and note their name when they get it.
func inLine(ctx context.Context, p *places, brief bool, name string, got *[]string) {
	go func() {
		if p.take(ctx, brief) == nil {
			*got = append(*got, name)
		}
	}()
	synctest.Wait()
}

func TestPlacesGoToWhoCameFirstAndToQueriesInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(1)
		var got []string
		for _, w := range []struct {
			name  string
			brief bool
		}{{"holder", false}, {"store 1", false}, {"store 2", false}, {"query 1", true}, {"store 3", false}, {"query 2", true}} {
			inLine(t.Context(), p, w.brief, w.name, &got)
		}
		for range 6 {
			p.give()
			synctest.Wait()
		}
		want := []string{"holder", "query 1", "store 1", "query 2", "store 2", "store 3"}
		if !slices.Equal(got, want) {
			t.Errorf("served %q, want %q", got, want)
		}
		if p.free != 1 {
			t.Errorf("%d places are free in the end, of 1", p.free)
		}
	})
}

func TestWhoGetsOutOfLineTakesNoPlaceAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(1)
		if err := p.take(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		tired := errors.New("tired")
		impatient, leave := context.WithCancelCause(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- p.take(impatient, true) }()
		synctest.Wait()
		leave(tired)
		if err := <-gone; !errors.Is(err, tired) {
			t.Errorf("ended with %v, want %v", err, tired)
		}
		late := p.line(false) // gets its turn, and has gone before it noticed
		p.give()
		p.quit(late)
		if p.free != 1 || len(p.brief)+len(p.lasting) > 0 {
			t.Errorf("%d places are free, and %d in line", p.free, len(p.brief)+len(p.lasting))
		}
	})
}

// waiting is how many are in line.
func (p *places) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.brief) + len(p.lasting)
}

// TestAStudyThatCameFirstGetsThePlaceThatIsFreed has two studies deliver at once: what
// is left of the first must be on its way before anything of the second.
func TestAStudyThatCameFirstGetsThePlaceThatIsFreed(t *testing.T) {
	archive := dimsetest.NewArchive("NEWPACS")
	address, err := archive.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	p := NewPeer(PeerOptions{Name: "new", Associations: 2, Dialer: dimse.Dialer{Address: address, CallingAE: "BRIDGE", CalledAE: "NEWPACS"}})
	defer p.Close(context.Background())

	var mu sync.Mutex
	var opened []string
	start := make(chan struct{})
	parcels := func(study string, seed int64) (list []Parcel) {
		for _, o := range dimsetest.Study(seed, dimsetest.StudyOptions{Modality: "CT", Instances: 6, Rows: 8}) {
			list = append(list, Parcel{SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, TransferSyntax: o.TransferSyntax, Size: o.Size,
				Open: func() (io.ReadCloser, error) {
					<-start
					mu.Lock()
					defer mu.Unlock()
					opened = append(opened, study)
					return io.NopCloser(o.Reader()), nil
				}})
		}
		return list
	}
	other := p.places.line(false) // somebody else has one of the two places
	if other != nil {
		t.Fatal("a new peer has no free place")
	}
	var group errgroup.Group
	for i, study := range []string{"first", "second"} {
		group.Go(func() error { return p.Store(t.Context(), parcels(study, int64(i)), func(Receipt) {}) })
		for p.places.waiting() < 1+2*i { // the further one of the first; and both of the second
			runtime.Gosched()
		}
	}
	p.places.give()
	close(start)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := slices.Index(opened, "second"); n != 6 || len(opened) != 12 {
		t.Errorf("the second study begins after %d of 12 objects: %q", n, opened)
	}
}
