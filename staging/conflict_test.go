package staging_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

func TestPatientsWithSeveralIssuersAreListed(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		for i, of := range []struct{ patient, issuer string }{
			{"P1", "A"}, {"P1", "A"}, {"P1", "B"}, {"P2", "A"}, {"P3", ""}, {"P3", "C"}, {"", "A"}, {"", "B"},
		} {
			l.stage(t, staging.Study{UID: fmt.Sprintf("1.2.%d", i), PatientID: of.patient, Issuer: of.issuer, Date: fmt.Sprintf("2026-01-0%d", i+1)})
		}
		for _, test := range []struct {
			scope    staging.Scope
			want     []staging.PatientConflict
			nameless int
		}{
			{staging.Scope{}, []staging.PatientConflict{{"P1", []string{"A", "B"}, 3}, {"P3", []string{"", "C"}, 2}}, 2},
			{staging.Scope{From: "2026-01-04", To: "2026-01-07"}, []staging.PatientConflict{{"P3", []string{"", "C"}, 2}}, 1},
		} {
			got, nameless, err := l.PatientConflicts(l.ctx, test.scope, 10)
			must(t, err)
			if diff := cmp.Diff(test.want, got); diff != "" || nameless != test.nameless {
				t.Errorf("%+v: %d without an ID, want %d (-want +got):\n%s", test.scope, nameless, test.nameless, diff)
			}
		}
		if some, _, err := l.PatientConflicts(l.ctx, staging.Scope{}, 1); err != nil || len(some) != 1 {
			t.Errorf("one of them: %v, %v", some, err)
		}
	})
}
