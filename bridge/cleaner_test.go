package bridge

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pacsbridge/staging/spool"
)

// register is a ledger that knows which studies are under way.
type register struct {
	mu      sync.Mutex
	studies []string
	err     error
}

func (r *register) say(err error, studies ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.studies, r.err = studies, err
}

func (r *register) UnderWay(context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.studies, r.err
}

func TestTheSpoolIsClearedOfStudiesThatEndedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		openSpool := func() *spool.Spool {
			s, err := spool.Open(spool.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := openSpool()
		put := func(studies ...string) {
			for _, study := range studies {
				if _, err := write(s, study, "1", strings.NewReader("content")); err != nil {
					t.Fatal(err)
				}
			}
		}
		put("ended", "given back", "in hand")
		s.Close() // the process was killed
		s = openSpool()
		defer s.Close()
		var log bytes.Buffer
		ledger := &register{}
		ledger.say(nil, "given back", "in hand")
		c := &Cleaner{Ledger: ledger, Spool: s, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		holds := func(when string, want ...string) {
			t.Helper()
			held := 0
			for _, study := range want {
				if s.Has(study, "1") {
					held++
				}
			}
			if all := s.Usage().Blobs; held != len(want) || all != held {
				t.Errorf("%s, the spool holds %d of %v, %d in all", when, held, want, all)
			}
		}
		c.Clean(t.Context())
		holds("at the start", "given back", "in hand")

		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		put("late") // after its study has failed, which is about to be opened again
		ledger.say(nil, "in hand")
		time.Sleep(11 * time.Minute) // of the test's own clock
		synctest.Wait()
		holds("when another node has ended one", "in hand", "late")
		ledger.say(errors.New("the ledger is away"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		holds("while the ledger is away", "in hand", "late")
		ledger.say(nil, "in hand")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		holds("at last", "in hand")
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if told := log.String(); strings.Count(told, "level=WARN") != 1 || !strings.Contains(told, "the ledger is away") {
			t.Errorf("it is told:\n%s", told)
		}
	})
}
