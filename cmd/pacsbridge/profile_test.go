package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestProfilesAreWrittenAlsoWhenTheCommandFails(t *testing.T) {
	dir := t.TempDir()
	cpu, memory := filepath.Join(dir, "cpu.pprof"), filepath.Join(dir, "memory.pprof")
	l := newLab(t, 0)
	l.run(exitOK, "status", "--cpuprofile", cpu, "--memprofile", memory)
	notEmpty(t, cpu, memory)
	if err := os.Remove(cpu); err != nil {
		t.Fatal(err)
	}
	l.run(exitUsage, "report", "--format", "papyrus", "--cpuprofile", cpu)
	notEmpty(t, cpu)
}

func TestAProfileThatCannotBeWrittenIsAnError(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "missing", "cpu.pprof")
	newLab(t, 0).run(exitFailed, "status", "--cpuprofile", nowhere)
}

func notEmpty(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("profile %s: %v, %v", filepath.Base(file), info, err)
		}
	}
}
