package staging_test

import (
	"testing"
	"time"

	"pacsbridge/staging"
)

// BenchmarkGrowth takes studies of ten instances to their end, 100,000 instances in
// all, and compares what the last thousand instances took with the first.
func BenchmarkGrowth(b *testing.B) {
	const studies, part, each = 10_000, 100, 10
	for b.Loop() {
		l := openLedger(b, engines["sqlite"](b))
		for i := 0; i < studies; i += 5000 {
			l.stage(b, batch(i, 5000)...)
		}
		var times []time.Duration
		for range studies / part {
			l.feed(b, staging.FeedOptions{Room: part})
			begin := time.Now()
			for range part {
				l.finishNext(b, each)
			}
			times = append(times, time.Since(begin))
		}
		last := times[len(times)-1]
		b.ReportMetric(float64(last)/float64(times[0]), "last/first")
		b.ReportMetric(float64(last.Microseconds())/1000/part, "ms/study")
	}
}

// finishNext takes a queued study from its claim to its end, as a node does that is
// quick enough to need no checkpoint.
func (l *ledger) finishNext(tb testing.TB, instancesEach int) {
	id, err := l.Int(l.ctx, `SELECT min(id) FROM studies WHERE state = 'queued'`)
	must(tb, err)
	c, err := l.Claim(l.ctx, int64(id), node, lease)
	must(tb, err)
	_, err = c.Items(l.ctx)
	must(tb, err)
	must(tb, c.Advance(l.ctx, staging.Delivering))
	must(tb, c.Advance(l.ctx, staging.Verifying))
	must(tb, c.Finish(l.ctx, done(instances(c.Study().UID, instancesEach))...))
}
