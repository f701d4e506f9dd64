package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

func TestKilledFiveTimesNothingIsLost(t *testing.T) {
	t.Parallel()
	const studies = 120
	l := newLab(t, studies)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for range 5 {
		p := l.start(january...)
		stop := time.AfterFunc(time.Duration(100+random.IntN(500))*time.Millisecond, func() { p.Process.Kill() })
		p.Wait()
		stop.Stop()
	}
	t.Logf("%d instances of %d were at NEW when the last kill came", len(l.new.Digests()), len(l.old.Digests()))
	l.start(january...).ended(exitOK)
	l.arrived()
	l.exact(studies)
	stores := l.new.Counts().Stores
	l.run(exitOK, january...)
	if again := l.new.Counts().Stores - stores; again != 0 {
		t.Errorf("a run after the end sent %d instances", again)
	}
}

// A process was killed between the end of a study and that of its content.
func TestTheSpoolIsClearedAtTheStartAndOfNothingElse(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3)
	l.run(exitOK, january...)
	dir := filepath.Join(l.dir, "spool")
	instance := l.old.Instances()[0]
	s := l.openSpool(dir)
	w, err := s.Create(instance.StudyUID, instance.SOPInstance)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(dir, "quarantine", "aside.dcm")
	if err := os.MkdirAll(filepath.Dir(aside), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(aside, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run(exitOK, january...)
	s = l.openSpool(dir)
	defer s.Close()
	if u := s.Usage(); u.Blobs != 0 {
		t.Errorf("the spool holds %+v of a study that is migrated", u)
	}
	if _, err := os.Stat(aside); err != nil {
		t.Errorf("what is in quarantine: %v", err)
	}
}

func (l *lab) openSpool(dir string) *spool.Spool {
	l.t.Helper()
	s, err := spool.Open(spool.Options{Dir: dir})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// exact demands that the ledger, the report and verify say that all has arrived.
func (l *lab) exact(studies int) {
	l.t.Helper()
	instances := len(l.old.Digests())
	out, _ := l.run(exitOK, "status", "--json")
	var status staging.Status
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		l.t.Fatal(err)
	}
	want := staging.Status{Studies: staging.StudyCounts{Migrated: studies},
		Instances: staging.InstanceCounts{Expected: instances, Received: instances, Stored: instances, Verified: instances}, Bytes: status.Bytes}
	if status != want {
		l.t.Errorf("status %+v, want %+v", status, want)
	}
	report, _ := l.run(exitOK, "report", "--format", "jsonl")
	if done := strings.Count(report, `"state":"done"`); done != instances {
		l.t.Errorf("the report lists %d instances done, want %d", done, instances)
	}
	for uid, digest := range l.old.Digests() {
		if !strings.Contains(report, uid) || !strings.Contains(report, digest) {
			l.t.Errorf("the report does not hold %s with digest %s", uid, digest)
		}
	}
	l.run(exitOK, "verify", "--from", "2026-01-01", "--to", "2026-01-31")
}

func TestAnInterruptSavesTheWorkWithinSeconds(t *testing.T) {
	t.Parallel()
	l := newLab(t, 100)
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		before := l.new.Counts().Stores
		p := l.start(january...)
		l.eventually("studies are on their way", func() bool {
			return l.new.Counts().Stores > before || len(l.new.Digests()) == len(l.old.Digests())
		})
		begin := time.Now()
		p.Process.Signal(signal)
		p.Wait()
		if code := p.ProcessState.ExitCode(); code != exitInterrupted && code != exitOK {
			t.Fatalf("exit code %d after %v\n%s", code, signal, &p.log)
		}
		if took := time.Since(begin); took > 30*time.Second { // on a machine that is busy
			t.Errorf("it took %v to stop", took)
		}
		out, _ := l.run(exitOK, "status")
		if !strings.Contains(out, "0 collecting") || !strings.Contains(out, "0 delivering") {
			t.Errorf("studies were left in work:\n%s", out)
		}
	}
	l.start(january...).ended(exitOK)
	l.arrived()
	l.exact(100)
}
