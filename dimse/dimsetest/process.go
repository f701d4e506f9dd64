package dimsetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// readyWithin bounds the wait for a started server's first answer.
	readyWithin = 30 * time.Second
	// probeEvery is the time between two questions whether it is ready.
	probeEvery = 20 * time.Millisecond
	// probeWithin bounds one such question.
	probeWithin = 5 * time.Second
	// stopWithin is how long a server may take to end when asked politely.
	stopWithin = 5 * time.Second
	// logTail is how much of its log a failed test shows.
	logTail = 8 << 10
)

// A Process is a server program that was started for a test. It ends with the
// test, by its process id, and its children with it; it also ends when the test
// binary is killed. Its log is shown and kept when the test failed.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed when it has ended and was waited for
	err  error         // how it ended; valid once done is closed
	once sync.Once
}

// startProcess starts cmd under the given name, which is used in messages only.
func startProcess(tb testing.TB, name string, cmd *exec.Cmd) *Process {
	tb.Helper()
	log, err := os.CreateTemp("", "pb-"+name+"-*.log")
	if err != nil {
		tb.Fatalf("log of %s: %v", name, err)
	}
	p := &Process{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = log, log
	ownGroup(cmd)
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		tb.Fatalf("start %s: %v", name, err)
	}
	tb.Cleanup(func() {
		p.once.Do(p.kill) // nobody needs what it would still save
		p.closeLog(tb)
	})
	return p
}

// run starts the program and waits for its end on one locked thread: the kernel
// sends the parent-death signal when the thread that started it ends, not when
// the process does.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

// Pid is the process id of the program.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended, asked or not.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the program and all it started, and waits for that. It may be
// called more than once.
func (p *Process) Stop() { p.once.Do(p.stop) }

func (p *Process) stop() {
	p.Signal(syscall.SIGCONT)
	p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	p.kill() // and what it left behind in its group
}

func (p *Process) kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Signal sends sig to the program and its children: SIGSTOP makes a peer that
// keeps its connections and says nothing, SIGCONT wakes it, SIGKILL is a crash.
func (p *Process) Signal(sig syscall.Signal) { signalGroup(p.cmd, sig) }

// Log is what the program has written so far.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return fmt.Sprintf("(log of %s: %v)", p.name, err)
	}
	return string(b)
}

// closeLog shows the end of the log and keeps its file when the test failed.
func (p *Process) closeLog(tb testing.TB) {
	if tb.Failed() {
		tail := []byte(p.Log())
		tail = tail[max(0, len(tail)-logTail):]
		tb.Logf("%s (%v), whole log in %s:\n%s", p.name, p.err, p.log.Name(), bytes.ToValidUTF8(tail, nil))
	} else {
		os.Remove(p.log.Name())
	}
	p.log.Close()
}

// await asks probe until it answers without an error, and fails the test when
// the program ends before that or takes too long.
func (p *Process) await(tb testing.TB, probe func(context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	if err := p.ready(ctx, probe); err != nil {
		tb.Fatalf("wait for %s: %v\n%s", p.name, err, p.Log())
	}
}

func (p *Process) ready(ctx context.Context, probe func(context.Context) error) error {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		once, cancel := context.WithTimeout(ctx, probeWithin)
		err := probe(once)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended (%v) before it answered", p.err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
