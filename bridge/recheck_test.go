package bridge_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// doctored is a ledger in which somebody changed something by hand.
type doctored struct{ *staging.DB }

func (doctored) Audit(context.Context) error {
	return errors.Join(&staging.AuditError{Rule: "each study is counted once", Count: 1})
}

func TestWhatNewLosesAfterItsProofIsTold(t *testing.T) {
	x := cross(t, 3)
	check(t, x.run())
	var log strings.Builder
	lost := map[string][]string{}
	r := &bridge.Rechecker{Ledger: x.db, New: x.migrator.Verify.New, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		OnLost: func(s staging.Study, objects []string) { lost[s.UID] = objects }}
	check(t, r.Recheck(t.Context()))
	if len(lost) != 0 || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("lost are %v:\n%s", lost, &log)
	}
	victim := x.new.Instances()[0]
	x.new.Remove(victim.SOPInstance)
	check(t, r.Recheck(t.Context()))
	if objects := lost[victim.StudyUID]; len(lost) != 1 || len(objects) != 1 || objects[0] != victim.SOPInstance {
		t.Errorf("lost are %v, want %s", lost, victim.SOPInstance)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), victim.StudyUID) {
		t.Errorf("the operator is not told:\n%s", &log)
	}
	r.Ledger = doctored{x.db}
	check(t, r.Recheck(t.Context()))
	if !strings.Contains(log.String(), "the ledger contradicts itself") {
		t.Errorf("the operator is not told:\n%s", &log)
	}
}
