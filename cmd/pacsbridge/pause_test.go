package main

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// patience bounds what takes a second or two, on a machine that is busy.
const patience = 2 * time.Minute

// eventually waits until something is so.
func (l *lab) eventually(what string, so func() bool) {
	l.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-deadline.C:
			l.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// A department that nobody knows may be one that is mistyped.
func TestAPauseOfAnUnknownDepartmentIsWarnedOf(t *testing.T) {
	l := newLab(t, 1, `migration: {departments: [{name: RAD, workers: 1}, {name: "*", workers: 1}]}`)
	for department, warned := range map[string]bool{"RAD": false, "RDA": true} {
		out, told := l.run(exitOK, "pause", "--department", department)
		if !strings.Contains(out, department) || strings.Contains(told, "know this department") != warned {
			t.Errorf("%s: %s%s", department, out, told)
		}
	}
}

// A pause outlives the process that was told of it, holds a node that starts
// afterwards, and ends within 2 s of resume; what was prioritised goes first.
func TestPauseHoldsNodesUntilResume(t *testing.T) {
	t.Parallel()
	const studies = 8
	l := newLab(t, studies, `migration: {departments: [{name: "*", workers: 1}]}`)
	if out, _ := l.run(exitOK, "pause"); !strings.Contains(out, "paused: *") {
		t.Errorf("pause says: %s", out)
	}
	serve := l.serving()
	follower := l.start(january...)
	l.eventually("the inventory is taken", func() bool {
		out, _ := l.run(exitOK, "status", "--json")
		var status staging.Status
		return json.Unmarshal([]byte(out), &status) == nil && status.Studies.ToMigrate == studies
	})
	if out, _ := l.run(exitOK, "status"); !strings.Contains(out, "paused: everything") {
		t.Errorf("status does not say why nothing moves:\n%s", out)
	}
	oldest := l.old.Instances()[0]
	for _, o := range l.old.Instances() {
		if o.SOPInstance < oldest.SOPInstance {
			oldest = o
		}
	}
	if out, _ := l.run(exitOK, "prioritise", "--study", oldest.StudyUID); !strings.Contains(out, "1 study with priority 100") {
		t.Errorf("prioritise says: %s", out)
	}
	if n := l.new.Counts().Stores; n != 0 {
		t.Errorf("%d instances were delivered during a pause", n)
	}
	if out, _ := l.run(exitOK, "resume"); !strings.Contains(out, "1 pause ended") {
		t.Errorf("resume says: %s", out)
	}
	resumed := time.Now()
	l.eventually("a study arrives", func() bool { return l.new.Counts().Stores > 0 })
	t.Logf("the first instance arrived %v after resume", time.Since(resumed).Round(time.Millisecond))
	follower.ended(exitOK)
	first := l.new.Arrivals()[0].SOPInstance
	if !slices.ContainsFunc(l.old.Instances(), func(o dimsetest.Object) bool { return o.SOPInstance == first && o.StudyUID == oldest.StudyUID }) {
		t.Errorf("the first to arrive was %s, which is not of the prioritised study", first)
	}
	serve.Process.Signal(syscall.SIGTERM)
	serve.ended(exitInterrupted)
	l.arrived()
}
