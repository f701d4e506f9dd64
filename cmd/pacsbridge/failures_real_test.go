package main

import (
	"context"
	"encoding/json"
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

// loseOne deletes the file of one instance behind an archive's back, and names it.
func loseOne(t *testing.T, folder string) (sopInstance string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || sopInstance != "" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if meta, _, err := dataset.ReadPart10(f); err == nil && meta.SOPInstanceUID != "" {
			sopInstance = meta.SOPInstanceUID
			return os.Remove(path)
		}
		return nil
	})
	if err != nil || sopInstance == "" {
		t.Fatalf("no instance lost in %s: %v", folder, err)
	}
	return sopInstance
}

func TestRealArchivesThatHaveLostAFileAreFoundOut(t *testing.T) {
	t.Parallel()
	start := map[string]func(t *testing.T, l *lab) (dimsetest.Peer, string){
		"Orthanc": func(t *testing.T, l *lab) (dimsetest.Peer, string) {
			folder := t.TempDir()
			old := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "OLDPACS", Modalities: []dimsetest.Peer{{AE: "PACSBRIDGE", Address: l.own}},
				Settings: map[string]any{"StorageDirectory": folder, "MaximumStorageCacheSize": 0}})
			for _, file := range l.files() {
				upload(t, old, file)
			}
			return old.Peer, folder
		},
		"dcmqrscp": func(t *testing.T, l *lab) (dimsetest.Peer, string) {
			files := l.files()
			old := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{AE: "OLDPACS", Destinations: []dimsetest.Peer{{AE: "PACSBRIDGE", Address: l.own}},
				Sends: dimsetest.ContextsOf(t, files...)})
			dimsetest.SendFiles(t, old.Peer, files...)
			return old.Peer, old.Dir
		},
	}
	for name, start := range start {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4)
			old, folder := start(t, l)
			l.edit(l.old.Peer().Address, old.Address)
			lost := loseOne(t, folder)
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
