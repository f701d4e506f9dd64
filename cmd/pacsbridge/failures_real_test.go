package main

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// files writes what the lab's old archive holds as Part 10 files.
func (l *lab) files() []string {
	l.t.Helper()
	var paths []string
	for i, o := range l.old.Instances() {
		path := filepath.Join(l.dir, "instance-"+string(rune('a'+i/26))+string(rune('a'+i%26))+".dcm")
		f, err := os.Create(path)
		if err != nil {
			l.t.Fatal(err)
		}
		if _, err := o.WriteFile(f); err != nil {
			l.t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			l.t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// loseOne takes away the file of one instance behind an archive's back, such a one that
// the archive then behaves as wanted, and names it.
func (l *lab) loseOne(folder string, wanted func() bool) (sopInstance string) {
	l.t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || sopInstance != "" {
			return err
		}
		uid := sopInstanceOf(path)
		if uid == "" {
			return nil
		}
		away := filepath.Join(l.dir, "away")
		if err := os.Rename(path, away); err != nil {
			return err
		}
		if !wanted() {
			return os.Rename(away, path)
		}
		sopInstance = uid
		return nil
	})
	if err != nil || sopInstance == "" {
		l.t.Fatalf("no instance lost in %s: %v", folder, err)
	}
	return sopInstance
}

// sopInstanceOf is what a Part 10 file holds; "" where it is none.
func sopInstanceOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	meta, _, err := dataset.ReadPart10(f)
	if err != nil {
		return ""
	}
	return meta.SOPInstanceUID
}

// stumbles reports whether OLD cannot tell something of its studies that Orthanc does
// not keep in its index: it looks into one of a study's files, which one is chance.
func (l *lab) stumbles() bool {
	p := &program{stdout: io.Discard, stderr: io.Discard, env: func(string) (string, bool) { return "", false }}
	return p.execute(l.t.Context(), []string{"find", "old", "--key", "IssuerOfPatientID", "--config", l.config}) != exitOK
}

func (l *lab) orthanc() string {
	folder := l.t.TempDir()
	old := dimsetest.StartOrthanc(l.t, dimsetest.OrthancOptions{AE: "OLDPACS", Modalities: []dimsetest.Peer{{AE: "PACSBRIDGE", Address: l.own}},
		Settings: map[string]any{"StorageDirectory": folder, "MaximumStorageCacheSize": 0}})
	for _, file := range l.files() {
		upload(l.t, old, file)
	}
	l.edit(l.old.Peer().Address, old.Address)
	return folder
}

func (l *lab) dcmqrscp() string {
	files := l.files()
	old := dimsetest.StartDcmqrscp(l.t, dimsetest.DcmqrscpOptions{AE: "OLDPACS", Destinations: []dimsetest.Peer{{AE: "PACSBRIDGE", Address: l.own}},
		Sends: dimsetest.ContextsOf(l.t, files...)})
	dimsetest.SendFiles(l.t, old.Peer, files...)
	l.edit(l.old.Peer().Address, old.Address)
	return old.Dir
}

func TestRealArchivesThatHaveLostAFileAreFoundOut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		start  func(*lab) (folder string)
		wanted func(*lab) bool
	}{
		{name: "Orthanc, and it looks into the file for C-FIND", start: (*lab).orthanc, wanted: (*lab).stumbles},
		{name: "Orthanc, and it looks into another", start: (*lab).orthanc, wanted: func(l *lab) bool { return !l.stumbles() }},
		{name: "dcmqrscp", start: (*lab).dcmqrscp, wanted: func(*lab) bool { return true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4)
			lost := l.loseOne(tt.start(l), func() bool { return tt.wanted(l) })
			l.run(exitIncomplete, january...)
			out, _ := l.run(exitOK, "failed", "--json")
			var failed []staging.FailedStudy
			if err := json.Unmarshal([]byte(out), &failed); err != nil {
				t.Fatal(err)
			}
			if len(failed) != 1 || failed[0].Class != staging.Incomplete || !strings.Contains(failed[0].Reason, lost) {
				t.Errorf("lost %s, and failed is %s", lost, out)
			}
			if _, there := l.new.Digests()[lost]; there {
				t.Error("the lost instance is at NEW")
			}
			l.run(exitIncomplete, "verify", "--from", "2026-01-01", "--to", "2026-01-31")
		})
	}
}

func TestARealOldThatDoesNotKnowUsStopsTheRun(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2)
	files := l.files()
	old := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{AE: "OLDPACS", Sends: dimsetest.ContextsOf(t, files...)})
	dimsetest.SendFiles(t, old.Peer, files...)
	l.edit(l.old.Peer().Address, old.Address)
	l.mishap(exitFailed, january, "A801", "hint: register PACSBRIDGE at the old PACS as a C-MOVE destination")
}

// TestARealOrthancThatDoesNotKnowUsIsFoundOutByCheck: its answer is C000, as to a study
// that it does not hold.
func TestARealOrthancThatDoesNotKnowUsIsFoundOutByCheck(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2)
	old := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "OLDPACS"})
	l.edit(l.old.Peer().Address, old.Address)
	if out, _ := l.run(exitOK, "check"); !strings.Contains(out, "as move destination: not known") {
		t.Errorf("an empty archive: %s", out)
	}
	for _, file := range l.files() {
		upload(t, old, file)
	}
	out, _ := l.run(exitFailed, "check")
	if !strings.Contains(out, "FAIL  old PACS knows us as move destination") || !strings.Contains(out, "hint: register PACSBRIDGE at the old PACS as a C-MOVE destination") {
		t.Errorf("check says:\n%s", out)
	}
	if err := old.SetModality(t.Context(), dimsetest.Peer{AE: "PACSBRIDGE", Address: l.own}); err != nil {
		t.Fatal(err)
	}
	if out, told := l.run(exitOK, "check"); !strings.Contains(out, "PACSBRIDGE; it sends to us") || strings.Contains(told, "does not know us") {
		t.Errorf("check says:\n%s", out)
	}
	l.run(exitOK, january...)
	l.arrived()
}

func TestARealNewThatTakesImplicitVROnlyGetsTheSameValues(t *testing.T) {
	t.Parallel()
	l := newLab(t, 6)
	new := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "NEWPACS",
		Settings: map[string]any{"AcceptedTransferSyntaxes": []string{uid.ImplicitLE}}})
	l.edit(l.new.Peer().Address, new.Address)
	code := exitOK
	for _, o := range l.old.Instances() {
		if o.TransferSyntax != uid.ExplicitLE && o.TransferSyntax != uid.ImplicitLE {
			code = exitIncomplete // what is compressed is not decompressed
		}
	}
	l.run(code, january...)
	arrived := held(t, new)
	report, _ := l.run(exitOK, "report", "--format", "jsonl")
	for _, o := range l.old.Instances() {
		_, there := arrived[o.SOPInstance]
		plain := o.TransferSyntax == uid.ExplicitLE || o.TransferSyntax == uid.ImplicitLE
		refused := strings.Contains(report, `"uid":"`+o.SOPInstance+`","state":"failed","class":"target-refused"`)
		if there != plain || refused == plain {
			t.Errorf("%s in %s: at NEW %v, refused %v", o.SOPInstance, uid.Name(o.TransferSyntax), there, refused)
		}
	}
}

func TestARealNewThatIsFrozenForAWhileLosesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, 12)
	new := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "NEWPACS"})
	l.edit(l.new.Peer().Address, new.Address)
	frozen := make(chan struct{})
	go func() {
		defer close(frozen)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for ctx := t.Context(); ctx.Err() == nil; <-tick.C {
			if s, err := new.Statistics(context.WithoutCancel(ctx)); err != nil || s.CountInstances > 0 {
				new.Signal(syscall.SIGSTOP)
				time.AfterFunc(3*time.Second, func() { new.Signal(syscall.SIGCONT) })
				return
			}
		}
	}()
	l.run(exitOK, january...)
	<-frozen
	arrived := held(t, new)
	for sop, digest := range l.old.Digests() {
		if arrived[sop].sha256 != digest {
			t.Errorf("%s arrived as %q, want %q", sop, arrived[sop].sha256, digest)
		}
	}
}
