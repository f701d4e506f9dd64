package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// mishap demands that a run ended with a message and a hint that help.
func (l *lab) mishap(code int, args []string, words ...string) {
	l.t.Helper()
	_, stderr := l.run(code, args...)
	for _, word := range words {
		if !strings.Contains(stderr, word) {
			l.t.Errorf("the operator is not told %q:\n%s", word, stderr)
		}
	}
}

func TestAWithheldInstanceIsNamed(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4)
	victim := l.old.Instances()[1]
	l.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(victim.SOPInstance), Success: true}})
	l.mishap(exitIncomplete, january, "study failed", "class=incomplete", victim.SOPInstance, "1 study failed", "hint: pacsbridge failed")

	out, _ := l.run(exitOK, "failed", "--json")
	var failed []staging.FailedStudy
	if err := json.Unmarshal([]byte(out), &failed); err != nil {
		t.Fatal(err)
	}
	if len(failed) != 1 || failed[0].StudyUID != victim.StudyUID || failed[0].Class != staging.Incomplete ||
		!strings.Contains(failed[0].Reason, victim.SOPInstance) || failed[0].Attempts != 3 || len(failed[0].LeftBehind) != 0 {
		t.Errorf("failed: %s", out)
	}
	if n := l.old.Counts().Moves; n < 3 {
		t.Errorf("OLD was asked %d times; the missing instance must be asked for by itself", n)
	}
	l.mishap(exitIncomplete, []string{"verify", "--from", "2026-01-01", "--to", "2026-01-31"}, "1 study is not complete")

	l.old.SetFaults(dimsetest.Faults{})
	l.run(exitOK, january...)
	l.arrived()
}

func TestMishapsOfPeersAreToldAndNothingIsLost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		mischief func(l *lab)
		words    []string
	}{
		{"OLD is not there", func(l *lab) { l.edit(l.old.Peer().Address, "127.0.0.1:1") },
			[]string{"old PACS OLDPACS", "connection refused", "hint: nothing listens there: see old.address"}},
		{"NEW is not there", func(l *lab) { l.edit(l.new.Peer().Address, "127.0.0.1:1") },
			[]string{"new PACS NEWPACS", "connection refused", "hint: nothing listens there: see new.address"}},
		{"OLD rejects the association", func(l *lab) { l.edit("ae_title: OLDPACS", "ae_title: OTHERPACS") },
			[]string{"rejected", "hint: the PACS goes by another AE title: see old.ae_title"}},
		{"OLD does not know us as destination", func(l *lab) { l.edit("ae_title: PACSBRIDGE", "ae_title: STRANGER") },
			[]string{"A801", "hint: register STRANGER at the old PACS as a C-MOVE destination"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, 3)
			before, err := os.ReadFile(l.config)
			if err != nil {
				t.Fatal(err)
			}
			tt.mischief(l)
			l.mishap(exitFailed, january, tt.words...)
			out, _ := l.run(exitOK, "failed", "--json")
			if strings.TrimSpace(out) != "[]" {
				t.Errorf("studies failed for it: %s", out)
			}
			l.write(string(before))
			l.run(exitOK, january...)
			l.arrived()
		})
	}
}
