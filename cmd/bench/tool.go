package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// noDelay switches Nagle's algorithm off in DCMTK.
const noDelay = "TCP_NODELAY=1"

// tools runs programs and adds up what they took.
type tools struct {
	nagle bool

	mu   sync.Mutex
	used usage
}

// run runs a program to its end and returns what it said.
func (t *tools) run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TCP_NODELAY=") })
	if !t.nagle {
		cmd.Env = append(cmd.Env, noDelay)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return "", err
	}
	peak := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	used := usage{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak()}
	t.mu.Lock()
	t.used = t.used.and(used)
	t.mu.Unlock()
	if err != nil {
		return said.String(), fmt.Errorf("%s: %w\n%.2000s", name, err, &said)
	}
	return said.String(), nil
}

// spread works a list off, so many at a time, and returns the first error.
func spread[T any](ctx context.Context, at int, list []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan T)
	var workers sync.WaitGroup
	for range at {
		workers.Go(func() {
			for v := range queue {
				if err := do(ctx, v); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, v := range list {
		queue <- v
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}

// lookEvery is the time between two looks at the memory of a program.
const lookEvery = 10 * time.Millisecond

// watchPeak looks at the memory of a process until the function it returns is
// called, which tells the peak. What the kernel reports at its end is no use: it
// counts what this process had when it started the other.
func watchPeak(pid int) func() int64 {
	quit, peak := make(chan struct{}), make(chan int64)
	go func() {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		proc, most := fmt.Sprintf("/proc/%d", pid), int64(0)
		for {
			select {
			case <-ticker.C:
				most = max(most, peakOf(proc))
			case <-quit:
				peak <- most
				return
			}
		}
	}()
	return func() int64 {
		close(quit)
		return <-peak
	}
}
