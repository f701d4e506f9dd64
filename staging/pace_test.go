package staging_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

func TestPacesAreTold(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		if paces, _, err := l.Paces(l.ctx, staging.Scope{}, 10); err != nil || len(paces) != 0 {
			t.Errorf("of an empty ledger: %v, %v", paces, err)
		}
		begin := l.Now().Truncate(time.Minute)
		for i, wait := range []time.Duration{0, time.Minute, 3 * time.Minute, 0} {
			l.pass(wait)
			l.stage(t, study(i+1))
			must(t, l.migrate(l.claim(t, study(i+1).UID), []staging.Item{{Kind: staging.Instance, UID: "1.9", Bytes: 100}}))
		}
		paces, step, err := l.Paces(l.ctx, staging.Scope{}, 10)
		must(t, err)
		one := func(minute, studies int) staging.Pace {
			return staging.Pace{From: begin.Add(time.Duration(minute) * time.Minute), Studies: studies, Instances: studies, Bytes: int64(100 * studies)}
		}
		want := []staging.Pace{one(0, 1), one(1, 1), one(2, 0), one(3, 0), one(4, 2)}
		if diff := cmp.Diff(want, paces); diff != "" || step != time.Minute {
			t.Errorf("step %v (-want +got):\n%s", step, diff)
		}
		paces, step, err = l.Paces(l.ctx, staging.Scope{From: "2026-01-02", To: "2026-01-03"}, 1)
		must(t, err)
		if len(paces) != 1 || paces[0].Studies != 2 || step != 10*time.Minute {
			t.Errorf("of two days, in one stretch of %v: %+v", step, paces)
		}
	})
}
