package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what a program took of the machine.
type usage struct {
	cpu  time.Duration
	peak int64 // bytes of memory
}

func (u usage) since(before usage) usage { return usage{u.cpu - before.cpu, u.peak} }

// and is the usage of two programs that ran one after the other.
func (u usage) and(other usage) usage { return usage{u.cpu + other.cpu, max(u.peak, other.peak)} }

// ownUsage is that of this process.
func ownUsage() usage {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return usage{}
	}
	return usage{time.Duration(r.Utime.Nano() + r.Stime.Nano()), r.Maxrss << 10}
}

// ticks is how many of the kernel's clock ticks make a second (USER_HZ).
const ticks = 100

// groupUsage is that of a running server and its children, dead ones included:
// fields 14 to 17 of /proc/PID/stat.
func groupUsage(leader int) usage {
	var u usage
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, found := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // from field 3 on
		if !found || len(fields) < 15 || fields[2] != strconv.Itoa(leader) {
			continue
		}
		last := 13 // own time
		if strings.HasPrefix(string(text), fmt.Sprintf("%d ", leader)) {
			last = 15 // and that of children it has waited for
		}
		for _, field := range fields[11:last] {
			n, _ := strconv.ParseInt(field, 10, 64)
			u.cpu += time.Duration(n) * (time.Second / ticks)
		}
		u.peak = max(u.peak, peakOf(filepath.Dir(path)))
	}
	return u
}

func peakOf(proc string) int64 {
	text, _ := os.ReadFile(filepath.Join(proc, "status"))
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[0], 10, 64)
	return n << 10
}

// digestCost is what SHA-256 costs here, in seconds of CPU a gigabyte.
func digestCost() float64 {
	const size = 64 << 20
	block := make([]byte, 64<<10)
	before, hash := ownUsage(), sha256.New()
	for range size / len(block) {
		hash.Write(block)
	}
	return ownUsage().since(before).cpu.Seconds() * 1e9 / size
}
