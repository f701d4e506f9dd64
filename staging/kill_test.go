package staging_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pacsbridge/staging"
)

// childVariable makes this test binary a process that works on the ledger at the
// URL it holds.
const childVariable = "PACSBRIDGE_STAGING_CHILD"

// childStudies is how many studies a child has, and kills how often one is killed.
var childStudies, kills = size(usualStudies, 1000), size(usualKills, 20)

// childItems is the number of instances of each of its studies.
const childItems = 3

// child works until nothing is left and tells every study it has finished, once
// that is committed. It stages all of them at each start, as a run does.
func child(url string) int {
	if err := childRun(url, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func childRun(url string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := staging.Open(ctx, staging.Options{URL: url, Logger: silent})
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Reclaim(ctx, node, true); err != nil {
		return err
	}
	if _, err := db.StageStudies(ctx, 0, batch(0, childStudies)); err != nil {
		return err
	}
	lines := make(chan string)
	q, err := staging.NewQueue(db, staging.QueueOptions{Departments: []staging.Department{{Name: "RAD", Workers: 3}},
		Work: func(ctx context.Context, id int64) error { return childWork(ctx, db, id, lines) }})
	if err != nil {
		return err
	}
	if err := q.Start(ctx); err != nil {
		return err
	}
	if err := childFeed(ctx, db, lines, out); err != nil {
		return err
	}
	return q.Stop(ctx)
}

func childFeed(ctx context.Context, db *staging.DB, lines <-chan string, out io.Writer) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := db.Feed(ctx, staging.FeedOptions{Node: node, Room: 20, Departments: []string{"RAD"}}); err != nil {
			return err
		}
		select {
		case line := <-lines:
			fmt.Fprintln(out, line)
		case <-tick.C:
			if left, err := db.Remaining(ctx, staging.Scope{}); err != nil || left == 0 {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func childWork(ctx context.Context, db *staging.DB, id int64, lines chan<- string) error {
	c, err := db.Claim(ctx, id, node, time.Minute)
	if errors.Is(err, staging.ErrNotClaimable) {
		return nil
	}
	if err != nil {
		return err
	}
	l := &ledger{DB: db, ctx: ctx}
	if err := l.migrate(c, instances(c.Study().UID, childItems)); err != nil {
		return err
	}
	select {
	case lines <- c.Study().UID:
	case <-ctx.Done():
	}
	return nil
}

// A process is killed again and again at random, and the next goes on: what was told
// to be done is done and is not done again, and the ledger agrees with itself.
func TestKilledAtRandomTheLedgerIsExact(t *testing.T) {
	for name, url := range engines {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t, url(t))
			told := map[string]bool{}
			for kill := range kills + 1 {
				after := -1 // the last one runs to its end
				if kill < kills {
					after = 1 + rand.IntN(childStudies/(kills+1))
				}
				runChild(t, l.url, after, told)
				l.audit(t)
				for uid := range told {
					if s, items := l.study(t, uid); s.State != staging.Migrated || len(items) != childItems {
						t.Errorf("%s was told to be done and is %+v with %d items", uid, s, len(items))
					}
				}
			}
			status, err := l.Status(l.ctx, staging.Scope{})
			if err != nil || status.Studies != (staging.StudyCounts{Migrated: childStudies}) || status.Instances.Verified != childItems*childStudies {
				t.Errorf("at the end it is %+v, %v", status, err)
			}
		})
	}
}

// runChild runs a child and kills it when it has told a number of studies.
func runChild(t *testing.T, url string, after int, told map[string]bool) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	command := exec.CommandContext(t.Context(), self)
	command.Env = append(os.Environ(), childVariable+"="+url)
	var trouble strings.Builder
	command.Stderr = &trouble
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	lines := bufio.NewScanner(out)
	for n := 1; lines.Scan(); n++ {
		if uid := lines.Text(); told[uid] {
			t.Errorf("%s was done twice", uid)
		} else {
			told[uid] = true
		}
		if n == after {
			must(t, command.Process.Kill())
		}
	}
	if err := command.Wait(); after < 0 && err != nil {
		t.Errorf("the child ended with %v: %s", err, trouble.String())
	}
}
