package staging_test

import (
	"context"
	"sync/atomic"
	"testing"

	"pacsbridge/staging"
)

const benchBatch = 50 // migration.batch

func batch(from, n int) []staging.Study {
	studies := make([]staging.Study, n)
	for i := range studies {
		studies[i] = study(from + i)
	}
	return studies
}

// BenchmarkStage stages studies in batches of the default size, and of a large
// one; 100,000 rows: -benchtime 2000x of the first.
func BenchmarkStage(b *testing.B) {
	for name, size := range map[string]int{"batches of 50": benchBatch, "batches of 5000": 5000} {
		b.Run(name, func(b *testing.B) {
			l := openLedger(b, engines["sqlite"](b))
			rows := 0
			for b.Loop() {
				l.stage(b, batch(rows, size)...)
				rows += size
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkStageAgain stages what is known already, as a repeated range does.
func BenchmarkStageAgain(b *testing.B) {
	l := openLedger(b, engines["sqlite"](b))
	studies := batch(0, 5000)
	l.stage(b, studies...)
	rows := 0
	for b.Loop() {
		l.stage(b, studies...)
		rows += len(studies)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkJourney feeds, claims, saves and finishes studies of ten instances
// with four workers, in a ledger where 100,000 more wait.
func BenchmarkJourney(b *testing.B) {
	l := openLedger(b, engines["sqlite"](b))
	for i := 0; i < 100_000; i += 5000 {
		l.stage(b, batch(i, 5000)...)
	}
	var finished atomic.Int64
	free := make(chan struct{}, 1)
	q, err := staging.NewQueue(l.DB, staging.QueueOptions{
		Departments: []staging.Department{{Name: "*", Workers: 4}},
		Work: func(ctx context.Context, id int64) error {
			c, err := l.Claim(ctx, id, node, lease)
			if err != nil {
				return err
			}
			err = l.migrate(c, instances(c.Study().UID, 10))
			finished.Add(1)
			select {
			case free <- struct{}{}:
			default:
			}
			return err
		},
	})
	must(b, err)
	must(b, q.Start(l.ctx))
	for b.Loop() {
		want := finished.Load() + 1
		for finished.Load() < want {
			l.feed(b, staging.FeedOptions{Room: 200})
			<-free
		}
	}
	b.ReportMetric(float64(finished.Load())/b.Elapsed().Seconds(), "studies/s")
	must(b, q.Stop(l.ctx))
}
