// Package servertest starts private servers for tests, of the kinds that an
// old system keeps its records and documents on: MariaDB, FTP, SFTP, SMB,
// WebDAV, HTTP. Each runs on a loopback port, in a temporary folder of its own,
// and is gone when the test ends. Where a program is not installed the test is
// skipped; with PACSBRIDGE_REQUIRE_PEERS=1 it fails instead.
//
//	url := servertest.MariaDB(t)
//	db, err := sql.Open("mysql", …)
package servertest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

const (
	requirePeers = "PACSBRIDGE_REQUIRE_PEERS"
	readyWithin  = 60 * time.Second
	probeEvery   = 20 * time.Millisecond
	stopWithin   = 10 * time.Second
	logShown     = 8 << 10

	// Below the range from which the kernel takes the ports of outgoing
	// connections, and beside the one that other launchers use.
	firstPort, lastPort = 20000, 28000
)

// process is a server and what it said.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended and was waited for
	err  error         // how it ended; valid once done is closed
}

// program finds a program in the search path and where Debian keeps servers.
func program(tb testing.TB, name, debian string) string {
	tb.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	missing(tb, name, debian)
	return ""
}

// missing skips the test, or fails it when peers are required.
func missing(tb testing.TB, name, debian string) {
	tb.Helper()
	text := name + " is not installed (Debian package " + debian + ")"
	if os.Getenv(requirePeers) == "1" {
		tb.Fatal(text)
	}
	tb.Skip(text)
}

// tempDir is a folder with a path short enough for a Unix socket.
func tempDir(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pb-"+name+"-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start runs a server until the test ends and returns when answers says so.
func start(tb testing.TB, cmd *exec.Cmd, dir string, answers func() error) {
	tb.Helper()
	p := &process{cmd: cmd, log: filepath.Join(dir, "log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	leash(cmd)
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		tb.Fatalf("start %s: %v", cmd.Path, err)
	}
	tb.Cleanup(func() { p.stop(tb) })
	p.await(tb, answers)
}

// run starts the server and waits for its end on one locked thread: the kernel
// sends the parent-death signal when the thread that started it ends.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

func (p *process) await(tb testing.TB, answers func() error) {
	tb.Helper()
	deadline := time.NewTimer(readyWithin)
	defer deadline.Stop()
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		err := answers()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			tb.Fatalf("wait for %s: %v\n%s", p.cmd.Path, err, p.said())
		case <-p.done:
			tb.Fatalf("%s ended (%v) before it answered\n%s", p.cmd.Path, p.err, p.said())
		}
	}
}

// stop ends the server and its children by their process group.
func (p *process) stop(tb testing.TB) {
	end(p.cmd)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		tb.Errorf("%s does not end", p.cmd.Path)
	}
	if tb.Failed() {
		tb.Logf("%s: %s", p.cmd.Path, p.said())
	}
}

func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-logShown):])
}

// listening is true once somebody takes connections there.
func listening(address string) func() error {
	return func() error {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// freePort is a port on which nobody listens, kept free until the test ends: no
// other test binary that asks is given the same one.
func freePort(tb testing.TB) int {
	tb.Helper()
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		mark, err := net.Listen("unix", fmt.Sprintf("@pacsbridge-port-%d", port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", loopback(port))
		if err == nil {
			l.Close()
			tb.Cleanup(func() { mark.Close() })
			return port
		}
		mark.Close()
	}
	tb.Fatal("no free loopback port")
	return 0
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// write writes a file of a server's settings.
func write(tb testing.TB, name, text string) string {
	tb.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}
