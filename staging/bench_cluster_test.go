package staging_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pacsbridge/staging"
)

// The sizes of the benchmarks; the acceptance is measured at 1,000,000 staged and
// 10,000,000 standing studies.
var (
	stageStudies  = flag.Int("studies.stage", 100_000, "studies that BenchmarkStageMany stages")
	standStudies  = flag.Int("studies.stand", 100_000, "studies that stand in the ledger of BenchmarkAtSize")
	finishStudies = flag.Int("studies.finish", 2_000, "studies that BenchmarkClaimAndFinish takes to their end")
)

// BenchmarkStageMany stages many studies in batches of the inventory, and of a
// thousand: go test -bench StageMany -benchtime 1x -studies.stage 1000000
func BenchmarkStageMany(b *testing.B) {
	for name, url := range engines {
		for _, size := range []int{benchBatch, 1000} {
			b.Run(fmt.Sprintf("%s/batches of %d", name, size), func(b *testing.B) {
				l := openLedger(b, url(b))
				for b.Loop() {
					for from := 0; from < *stageStudies; from += size {
						l.stage(b, batch(from, size)...)
					}
				}
				b.ReportMetric(float64(*stageStudies)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkClaimAndFinish has four processes feed, claim, expect and finish
// studies of one PostgreSQL.
func BenchmarkClaimAndFinish(b *testing.B) {
	const processes = 4
	url := emptyPostgres(b)
	l := openLedger(b, url)
	for from := 0; from < *finishStudies; from += 1000 {
		l.stage(b, batch(from, min(1000, *finishStudies-from))...)
	}
	b.ResetTimer()
	for b.Loop() {
		var running []*exec.Cmd
		for i := range processes {
			self, err := os.Executable()
			must(b, err)
			command := exec.Command(self)
			command.Env = append(os.Environ(), childVariable+"="+url, nodeVariable+fmt.Sprintf("=bench %d", i))
			command.Stderr = os.Stderr
			must(b, command.Start())
			running = append(running, command)
		}
		for _, command := range running {
			must(b, command.Wait())
		}
	}
	status, err := l.Status(l.ctx, staging.Scope{})
	if err != nil || status.Studies.Migrated != *finishStudies {
		b.Errorf("status is %+v, %v", status.Studies, err)
	}
	l2, err := staging.Open(context.Background(), staging.Options{URL: url, Logger: silent})
	must(b, err)
	defer l2.Close()
	must(b, l2.Audit(l.ctx))
	b.ReportMetric(float64(*finishStudies)/b.Elapsed().Seconds(), "studies/s")
}

// runBenchNode claims as fast as it can: no peers, no pace.
func runBenchNode(ctx context.Context, url, name string) error {
	db, err := staging.Open(ctx, staging.Options{URL: url, Logger: silent})
	if err != nil {
		return err
	}
	defer db.Close()
	var open atomic.Int64
	free := make(chan struct{}, 1)
	q, err := staging.NewQueue(db, staging.QueueOptions{Departments: []staging.Department{{Name: "RAD", Workers: 8}},
		Work: func(ctx context.Context, id int64) error {
			c, err := db.Claim(ctx, id, name, time.Minute)
			if err != nil {
				return nil
			}
			err = benchFinish(ctx, c)
			if open.Add(-1)%64 == 0 {
				select {
				case free <- struct{}{}:
				default:
				}
			}
			return err
		}})
	if err != nil {
		return err
	}
	if err := q.Start(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := db.Reclaim(ctx, name, false); err != nil {
			return err
		}
		n, err := db.Feed(ctx, staging.FeedOptions{Node: name, Room: 400, Departments: []string{"RAD"}})
		if err != nil {
			return err
		}
		open.Add(int64(n))
		if left, err := db.Remaining(ctx, staging.Scope{}); err != nil || left == 0 {
			return errors.Join(err, q.Stop(ctx))
		}
		select {
		case <-free:
		case <-tick.C:
		}
	}
}

func benchFinish(ctx context.Context, c *staging.Claim) error {
	if err := c.Advance(ctx, staging.Delivering); err != nil {
		return err
	}
	if err := c.Advance(ctx, staging.Verifying); err != nil {
		return err
	}
	return c.Finish(ctx, done(instances(c.Study().UID, 2))...)
}

// BenchmarkAtSize measures what runs all the time in a ledger in which almost all
// is migrated, and how long the slowest took:
// go test -bench AtSize -studies.stand 10000000
func BenchmarkAtSize(b *testing.B) {
	for name, url := range engines {
		b.Run(name, func(b *testing.B) {
			l := openLedger(b, url(b))
			must(b, l.Stand(l.ctx, *standStudies, 1000))
			for _, o := range []struct {
				name string
				run  func(testing.TB)
			}{
				{"feed and claim", l.feedAndClaim},
				{"status", l.countAll},
				{"status of a month", l.countMonth},
				{"remaining", l.countRemaining},
				{"retry by class", l.retryNetwork},
			} {
				b.Run(o.name, func(b *testing.B) { worst(b, func() { o.run(b) }) })
			}
			b.Run("plans", func(b *testing.B) {
				for query, args := range l.HotQueries() {
					plan, err := l.Plan(l.ctx, query, args...)
					must(b, err)
					fmt.Printf("\n%s\n%s\n", query, strings.Join(plan, "\n")) // b.Log shortens it
				}
			})
		})
	}
}

// worst runs something again and again, and reports how long the slowest took.
func worst(b *testing.B, run func()) {
	var longest time.Duration
	for b.Loop() {
		begin := time.Now()
		run()
		longest = max(longest, time.Since(begin))
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "worst-ms")
}

func (l *ledger) feedAndClaim(tb testing.TB) {
	l.feed(tb, staging.FeedOptions{Room: 1})
	id, err := l.Int(l.ctx, `SELECT min(id) FROM studies WHERE state IN ('queued', 'collecting', 'delivering', 'verifying')`)
	must(tb, err)
	c, err := l.Claim(l.ctx, int64(id), node, lease)
	must(tb, err)
	must(tb, c.Return(l.ctx, "", "", 0, true))
}

func (l *ledger) countAll(tb testing.TB) {
	_, err := l.Status(l.ctx, staging.Scope{})
	must(tb, err)
}

func (l *ledger) countMonth(tb testing.TB) {
	_, err := l.Status(l.ctx, staging.Scope{From: "2016-03-01", To: "2016-03-31"})
	must(tb, err)
}

func (l *ledger) countRemaining(tb testing.TB) {
	_, err := l.Remaining(l.ctx, staging.Scope{})
	must(tb, err)
}

func (l *ledger) retryNetwork(tb testing.TB) {
	_, err := l.RetryFailed(l.ctx, staging.Scope{}, staging.RetryFilter{Class: staging.Network})
	must(tb, err)
}

// BenchmarkBytesPerStudy measures the database that migrated studies leave behind,
// of CT studies of 200 instances.
func BenchmarkBytesPerStudy(b *testing.B) {
	const studies, instances = 300, 200
	l := openLedger(b, emptyPostgres(b))
	before, err := l.Int(l.ctx, `SELECT pg_database_size(current_database())`)
	must(b, err)
	l.stage(b, batch(0, studies)...)
	for i := range studies {
		c := l.claim(b, study(i).UID)
		must(b, c.Advance(l.ctx, staging.Delivering))
		must(b, c.Advance(l.ctx, staging.Verifying))
		must(b, c.Finish(l.ctx, realInstances(i, instances)...))
	}
	must(b, l.Vacuum(l.ctx))
	after, err := l.Int(l.ctx, `SELECT pg_database_size(current_database())`)
	must(b, err)
	b.ReportMetric(float64(after-before)/studies-60*instances, "bytes/study+60/instance")
}
