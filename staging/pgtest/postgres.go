// Package pgtest starts a private PostgreSQL for a test: a fresh cluster in a
// temporary folder, on a loopback port, owned by a user that is not root, and
// gone when the test ends. Where PostgreSQL is not installed the test is
// skipped; with PACSBRIDGE_REQUIRE_PEERS=1 it fails instead.
//
//	url := pgtest.Start(t)
//	db, err := sql.Open("pgx", url)
package pgtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	requirePeers = "PACSBRIDGE_REQUIRE_PEERS"
	superuser    = "postgres"
	readyWithin  = 30 * time.Second
	probeEvery   = 20 * time.Millisecond
	stopWithin   = 10 * time.Second

	firstPort, lastPort = 15000, 20000
)

// Start runs a PostgreSQL server until the test ends and returns the URL of its
// database, whose user may do everything.
func Start(tb testing.TB) (url string) {
	tb.Helper()
	return StartServer(tb).URL()
}

// Server is a running PostgreSQL that can be made to fall over.
type Server struct {
	tb testing.TB
	*server
}

// StartServer runs a PostgreSQL server until the test ends.
func StartServer(tb testing.TB) *Server {
	tb.Helper()
	s := &server{bin: binaries(tb), dir: tempDir(tb)}
	s.initdb(tb)
	s.port = freePort(tb)
	s.start(tb)
	tb.Cleanup(func() { s.stop(tb) })
	s.await(tb)
	return &Server{tb, s}
}

// URL is that of the server's database, whose user may do everything.
func (s *Server) URL() string { return s.url() }

// Restart ends the server as pg_ctl restart -m immediate does, every connection
// cut in the middle, and starts it again at the same address.
func (s *Server) Restart() {
	s.tb.Helper()
	s.stop(s.tb)
	s.start(s.tb)
	s.await(s.tb)
}

// Shared runs a server for all tests of a package: it outlives tb, and ends when
// stop is called.
func Shared(tb testing.TB) (url string, stop func()) {
	tb.Helper()
	k := &keeper{TB: tb}
	url = Start(k)
	return url, k.end
}

// keeper keeps for later what a test would clean up at its end.
type keeper struct {
	testing.TB
	cleanups []func()
}

func (k *keeper) Cleanup(f func()) { k.cleanups = append(k.cleanups, f) }

// Failed reports false: by then the test has ended, and may not be logged to.
func (k *keeper) Failed() bool { return false }

func (k *keeper) end() {
	for i := len(k.cleanups) - 1; i >= 0; i-- {
		k.cleanups[i]()
	}
}

// server is one cluster and the process that serves it.
type server struct {
	bin  string // folder of the programs
	dir  string // folder of the cluster, its socket and its log
	port int
	cmd  *exec.Cmd
	done chan struct{} // closed when the server has ended and was waited for
	err  error         // how it ended; valid once done is closed
}

// binaries finds the folder that holds initdb and postgres. Debian keeps them
// out of the search path, one folder a version.
func binaries(tb testing.TB) string {
	tb.Helper()
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, folder := range append(folders, versions...) {
		if _, err := exec.LookPath(filepath.Join(folder, "initdb")); err == nil {
			return folder
		}
	}
	if os.Getenv(requirePeers) == "1" {
		tb.Fatal("PostgreSQL is not installed (Debian package postgresql)")
	}
	tb.Skip("PostgreSQL is not installed (Debian package postgresql)")
	return ""
}

// tempDir is a folder with a path short enough for a Unix socket, owned by the
// user that will run the server.
func tempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pb-postgres-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	if err := own(dir); err != nil {
		tb.Fatalf("give %s to the user of the server: %v", dir, err)
	}
	return dir
}

// initdb makes an empty cluster in which nobody is asked for a password.
func (s *server) initdb(tb testing.TB) {
	tb.Helper()
	cmd := exec.Command(filepath.Join(s.bin, "initdb"), "--pgdata", s.data(), "--username", superuser,
		"--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
	cmd.Dir = s.dir
	if err := asUser(cmd); err != nil {
		tb.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
}

// start runs the server on its port.
func (s *server) start(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", fmt.Sprint(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+s.dir,
		"-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB")
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, log, log
	if err := asUser(s.cmd); err != nil {
		tb.Fatal(err)
	}
	started := make(chan error, 1)
	s.done = make(chan struct{})
	go s.run(started)
	if err := <-started; err != nil {
		tb.Fatalf("start postgres: %v", err)
	}
}

// run starts the server and waits for its end on one locked thread: the kernel
// sends the parent-death signal when the thread that started it ends.
func (s *server) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.done)
	err := s.cmd.Start()
	started <- err
	if err == nil {
		s.err = s.cmd.Wait()
	}
}

// await returns when the server answers a connection.
func (s *server) await(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url())
		if err == nil {
			conn.Close(ctx)
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			tb.Fatalf("wait for postgres: %v\n%s", err, s.messages())
		case <-s.done:
			tb.Fatalf("postgres ended (%v) before it answered\n%s", s.err, s.messages())
		}
	}
}

// stop ends the server by its process id, without a checkpoint: nobody needs
// the cluster any more.
func (s *server) stop(tb testing.TB) {
	s.cmd.Process.Signal(quit)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		s.cmd.Process.Kill()
		<-s.done
	}
	if tb.Failed() {
		tb.Logf("postgres: %s", s.messages())
	}
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }
func (s *server) log() string  { return filepath.Join(s.dir, "log") }

func (s *server) url() string {
	u := url.URL{
		Scheme: "postgres", User: url.User(superuser), Path: "/postgres",
		Host: net.JoinHostPort("127.0.0.1", fmt.Sprint(s.port)), RawQuery: "sslmode=disable",
	}
	return u.String()
}

func (s *server) messages() string {
	b, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-8<<10):])
}

// freePort is a port on which nobody listens, below the range from which the
// kernel takes those of outgoing connections. It is kept free until the test ends:
// no other test binary that asks is given the same one.
func freePort(tb testing.TB) int {
	tb.Helper()
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		mark, err := net.Listen("unix", fmt.Sprintf("@pacsbridge-port-%d", port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
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
