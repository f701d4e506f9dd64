package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// writeObjects writes objects as files for senders that take files.
func writeObjects(t *testing.T, objects []dimsetest.Object) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for _, o := range objects {
		f, err := os.Create(filepath.Join(dir, o.SOPInstance+".dcm"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.WriteFile(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		files = append(files, f.Name())
	}
	return files
}

// storescu sends objects to our port as a modality and wants each taken.
func (l *lab) storescu(calling string, files ...string) {
	l.t.Helper()
	node := l.node()
	dimsetest.DCMTK(l.t, "storescu", append([]string{"-aet", calling, "-aec", node.AE, node.Host(), node.Port()}, files...)...).Need(l.t)
}

// count asks for the status until a condition holds.
func (l *lab) count(what string, so func(statusReport) bool) {
	l.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		out, _ := l.run(exitOK, "status", "--json")
		var status statusReport
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			l.t.Fatal(err)
		}
		if so(status) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			l.t.Fatalf("not within a minute: %s\n%s", what, out)
		}
	}
}

// forwarding is a lab whose node forwards what a modality sends.
func forwarding(t *testing.T, after string) *lab {
	l := newLab(t, 0)
	l.edit("ae_title: PACSBRIDGE,", "ae_title: PACSBRIDGE, unsolicited: forward, unsolicited_after: "+after+", admit: [OLDPACS, NEWPACS, MODALITY],")
	return l
}

// wantForwarded demands that NEW has exactly these objects, and that every account says so.
func (l *lab) wantForwarded(objects []dimsetest.Object) {
	l.t.Helper()
	l.count("the study is migrated", func(s statusReport) bool {
		return s.Unsolicited != nil && *s.Unsolicited == staging.UnsolicitedCounts{Studies: 1, Migrated: 1}
	})
	if diff := cmp.Diff(digestsOf(objects), l.new.Digests()); diff != "" {
		l.t.Errorf("at NEW (-sent +got):\n%s", diff)
	}
	report, _ := l.run(exitOK, "report", "--format", "jsonl")
	if n := strings.Count(report, `"state":"done"`); n != len(objects) || !strings.Contains(report, `"origin":"unsolicited"`) || !strings.Contains(report, `"from":"MODALITY"`) {
		l.t.Errorf("the report says:\n%s", report)
	}
	out, _ := l.run(exitOK, "verify", "--deep", "--json", "--from", "1900-01-01", "--to", "2100-12-31")
	var verified bridge.Reconciliation
	if err := json.Unmarshal([]byte(out), &verified); err != nil || verified.Complete != 1 || len(verified.Differences) != 0 {
		l.t.Errorf("verify says %s (%v)", out, err)
	}
	certificate, _ := l.run(exitOK, "certificate", objects[0].StudyUID)
	if !strings.Contains(certificate, "unsolicited") {
		l.t.Errorf("the certificate says:\n%s", certificate)
	}
}

func digestsOf(objects []dimsetest.Object) map[string]string {
	archive := dimsetest.NewArchive("ANY")
	if err := archive.Add(objects...); err != nil {
		panic(err) // objects of the corpus are sound
	}
	return archive.Digests()
}

func TestServeForwardsWhatStorescuSends(t *testing.T) {
	t.Parallel()
	l := forwarding(t, "1s")
	serve := l.serving()
	objects := dimsetest.Study(3, dimsetest.StudyOptions{Instances: 3})
	files := writeObjects(t, objects)
	l.storescu("MODALITY", files...)
	l.storescu("MODALITY", files[0])
	l.count("the study is migrated", func(s statusReport) bool { return s.Studies.Migrated == 1 })
	serve.Process.Signal(syscall.SIGTERM)
	serve.ended(exitInterrupted)
	l.wantForwarded(objects)
}

func TestKilledBeforeDeliveryNothingThatWasAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	l := forwarding(t, "1h")
	serve := l.serving()
	objects := dimsetest.Study(4, dimsetest.StudyOptions{Instances: 3})
	l.storescu("MODALITY", writeObjects(t, objects)...)
	serve.Process.Kill()
	serve.Wait()
	if n := len(l.new.Digests()); n != 0 {
		t.Fatalf("%d instances were at NEW before the kill", n)
	}
	l.edit("unsolicited: forward, unsolicited_after: 1h", "unsolicited: refuse, unsolicited_after: 1s") // whatever it says now
	serve = l.serving()
	l.count("the study is migrated and let go", func(s statusReport) bool {
		left, err := filepath.Glob(filepath.Join(l.dir, "spool", "unsolicited", "*", "*"))
		return s.Studies.Migrated == 1 && err == nil && len(left) == 0
	})
	serve.Process.Signal(syscall.SIGTERM)
	serve.ended(exitInterrupted)
	l.wantForwarded(objects)
}
