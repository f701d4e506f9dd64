package main

import (
	"syscall"
	"testing"

	"pacsbridge/dimse/dimsetest"
)

func TestAGigabyteCostsLittleMemory(t *testing.T) {
	const size, limit = 1 << 30, 100 << 20
	l := newLab(t, 0)
	clip := dimsetest.MultiFrame(1, size)
	if err := l.old.Add(clip); err != nil {
		t.Fatal(err)
	}
	p := l.start("migrate", "--study", clip.StudyUID)
	p.ended(exitOK)
	peak := p.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	t.Logf("%d MB went through with a peak of %d MB of memory, in %v", clip.Size>>20, peak>>20, p.ProcessState.UserTime()+p.ProcessState.SystemTime())
	if peak > limit {
		t.Errorf("peak of memory %d MB, want at most %d MB", peak>>20, limit>>20)
	}
	l.arrived()
}
