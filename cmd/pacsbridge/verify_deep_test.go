package main

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// verify runs verify with --json and reads its answer.
func (l *lab) verify(code int, args ...string) (result bridge.Reconciliation) {
	l.t.Helper()
	out, _ := l.run(code, append([]string{"verify", "--from", "2026-01-01", "--to", "2026-01-31", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		l.t.Fatalf("%v\n%s", err, out)
	}
	return result
}

// spoil changes the patient ID of an instance at NEW.
func (l *lab) spoil(o dimsetest.Object) {
	l.t.Helper()
	var out bytes.Buffer
	if _, err := dataset.Patch(&out, bytes.NewReader(o.Data), o.TransferSyntax, []dataset.Change{
		{Tag: dataset.PatientID, Set: &dataset.Element{Value: []byte("SECRET")}}}); err != nil {
		l.t.Fatal(err)
	}
	l.new.Remove(o.SOPInstance)
	o.Data, o.Size = out.Bytes(), int64(out.Len())
	if err := l.new.Add(o); err != nil {
		l.t.Fatal(err)
	}
}

// TestVerifyDoesNotPassOverWhatTheLedgerLacks: a study that is named, or in the range, is
// at OLD and was never migrated.
func TestVerifyDoesNotPassOverWhatTheLedgerLacks(t *testing.T) {
	l := newLab(t, 2)
	study := l.old.Instances()[0].StudyUID
	out, _ := l.run(exitIncomplete, "verify", "--study", study, "--json")
	if !strings.Contains(out, `"kind":"not-received"`) || !strings.Contains(out, `"studies":1`) {
		t.Error(out)
	}
	l.run(exitIncomplete, "verify", "--from", "2026-01-01", "--to", "2026-01-31")
	l.mishap(exitFailed, []string{"verify", "--study", "1.2.3.4"}, "neither the old PACS nor the ledger knows study 1.2.3.4")
	l.run(exitUsage, "verify", "--from", "2026-01-01")
	l.run(exitUsage, "verify", "--to", "2026-01-01")
	if out, _ := l.run(exitOK, "verify"); !strings.Contains(out, "--from and --to ask the old PACS for others") {
		t.Error(out)
	}
	l.run(exitOK, january...)
	l.run(exitOK, "verify", "--study", study)
}

func TestVerifyComparesContents(t *testing.T) {
	l := newLab(t, 3)
	l.run(exitOK, january...)
	n := len(l.old.Instances())
	if result := l.verify(exitOK, "--deep"); *result.Content != (bridge.ContentCounts{Compared: n, Identical: n}) {
		t.Errorf("content %+v, want %d identical", *result.Content, n)
	}
	victim := l.new.Instances()[0]
	l.spoil(victim)
	result := l.verify(exitIncomplete, "--deep")
	if len(result.Differences) != 1 || result.Differences[0].Detail != "changed PatientID; pixel data identical" || result.Differences[0].UID != victim.SOPInstance {
		t.Errorf("%+v", result)
	}
	text, log := l.run(exitIncomplete, "verify", "--deep", "--from", "2026-01-01", "--to", "2026-01-31")
	if !strings.Contains(text, "content-differs") || !strings.Contains(text, "1 different") || strings.Contains(text+log, "SECRET") {
		t.Errorf("%s%s", text, log)
	}
	l.verify(exitOK, "--deep", "--allow", "PatientID")
	if result := l.verify(exitOK); result.Content != nil {
		t.Errorf("without --deep contents are compared: %+v", result)
	}
}

func TestContentsAreComparedWhileAnotherProcessHoldsThePort(t *testing.T) {
	l := newLab(t, 1)
	l.run(exitOK, january...)
	p := &program{configPath: l.config, env: func(string) (string, bool) { return "", false }}
	settings, err := p.settings()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", settings.Node.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	l.spoil(l.new.Instances()[0])
	if result := l.verify(exitIncomplete, "--deep"); len(result.Differences) != 1 || !strings.HasPrefix(result.Differences[0].Detail, "changed PatientID") {
		t.Errorf("%+v", result)
	}
}

func TestASampleCanBeDrawnAgain(t *testing.T) {
	l := newLab(t, 6)
	l.run(exitOK, january...)
	first := l.verify(exitOK, "--sample", "2")
	if first.Studies != 2 || first.Sample == nil || first.Sample.Of != 6 {
		t.Errorf("%+v", first)
	}
	if text, _ := l.run(exitOK, "verify", "--sample", "2", "--seed", "5"); !strings.Contains(text, "--sample 2 --seed 5") {
		t.Errorf("%s", text)
	}
	for _, args := range [][]string{{"--sample", "0"}, {"--seed", "1"}, {"--allow", "PatientID"}, {"--control", "."}, {"--deep", "--allow", "Bogus"}, {"--deep", "--control", l.dir + "/nowhere"}} {
		l.run(exitUsage, append([]string{"verify"}, args...)...)
	}
}

func TestARepairIsMigratedByTheNextRun(t *testing.T) {
	l := newLab(t, 3)
	l.run(exitOK, january...)
	l.new.Remove(l.new.Instances()[0].SOPInstance)
	text, _ := l.run(exitIncomplete, "verify", "--repair")
	if !strings.Contains(text, "missing-at-new") || !strings.Contains(text, "1 study goes back to be migrated") {
		t.Errorf("%s", text)
	}
	stores := l.new.Counts().Stores
	l.run(exitOK, january...)
	l.arrived()
	if sent := l.new.Counts().Stores - stores; sent != 1 {
		t.Errorf("%d instances were sent, want 1", sent)
	}
	if result := l.verify(exitOK, "--repair", "--deep"); len(result.Repaired) != 0 || len(result.Differences) != 0 {
		t.Errorf("%+v", result)
	}
}
