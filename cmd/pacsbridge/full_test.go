package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pacsbridge/dimse/dimsetest"
)

// smallDisk mounts one of 8 MB, with a filler on it that leaves so many bytes.
func smallDisk(t *testing.T, left int) (dir, filler string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const size = 8 << 20
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small disk needs the right to mount one, see bridge for a test without: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	filler = filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, bytes.Repeat([]byte("x"), size-left), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, filler
}

// untilTold starts a migration and returns once its log says something.
func (l *lab) untilTold(words string) *process {
	l.t.Helper()
	path, err := builtProgram()
	if err != nil {
		l.t.Fatal(err)
	}
	p := newProcess(l.t, path, append(january, "--config", l.config)...)
	log, err := p.StderrPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	p.begin()
	told := make(chan struct{})
	p.drained.Go(func() {
		open := told
		for lines := bufio.NewScanner(log); lines.Scan(); {
			p.log.WriteString(lines.Text() + "\n")
			if open != nil && strings.Contains(lines.Text(), words) {
				close(open)
				open = nil
			}
		}
		if open != nil {
			close(open)
		}
	})
	<-told
	return p
}

// A disk fills up under the spool, or under the ledger; it is told, and when there is
// room again everything goes on as if nothing had been.
func TestAFullDiskIsToldAndWhenThereIsRoomAllGoesOn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		left  int
		move  func(l *lab, small string)
		words string
	}{
		"the spool": {1 << 20, func(l *lab, small string) {
			l.edit(`spool: "`+l.dir+`/spool", memory: 32MB`, `spool: "`+small+`/spool", memory: 0`)
		}, "the spool is full"},
		"the ledger": {800 << 10, func(l *lab, small string) {
			l.edit("sqlite:"+l.dir+"/staging.db", "sqlite:"+small+"/staging.db")
		}, "its disk is full"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 40)
			if err := l.old.Add(dimsetest.Study(5, dimsetest.StudyOptions{Date: "20260115", Instances: 2, Rows: 1024})...); err != nil {
				t.Fatal(err)
			}
			small, filler := smallDisk(t, tt.left)
			tt.move(l, small)
			p := l.untilTold(tt.words)
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			p.ended(exitOK)
			if !strings.Contains(p.log.String(), tt.words) {
				t.Errorf("the operator is not told %q:\n%s", tt.words, &p.log)
			}
			l.arrived()
			l.exact(41)
		})
	}
}
