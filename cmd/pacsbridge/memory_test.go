package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

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
	peak := p.peakMemory()
	p.ended(exitOK)
	most := <-peak
	t.Logf("%d MB went through with a peak of %d MB of memory, in %v", clip.Size>>20, most>>20, p.ProcessState.UserTime()+p.ProcessState.SystemTime())
	if most == 0 || most > limit {
		t.Errorf("peak of memory %d MB, want at most %d MB", most>>20, limit>>20)
	}
	l.arrived()
}

// peakMemory watches a process to its end and gives the most memory it had
// resident. The kernel's own account of a child that has ended will not do: it
// begins with what the parent had when it forked.
func (p *process) peakMemory() <-chan int64 {
	peak := make(chan int64, 1)
	status := fmt.Sprintf("/proc/%d/status", p.Process.Pid)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		most := int64(0)
		for range tick.C {
			text, err := os.ReadFile(status)
			_, line, found := strings.Cut(string(text), "VmHWM:")
			if err != nil || !found {
				break // it has ended
			}
			var kilobytes int64
			if _, err := fmt.Sscan(line, &kilobytes); err == nil {
				most = max(most, kilobytes<<10)
			}
		}
		peak <- most
	}()
	return peak
}
