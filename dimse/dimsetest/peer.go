package dimsetest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// RequirePeers names the environment variable that makes the absence of a real
// peer (DCMTK, Orthanc, PostgreSQL …) a failure instead of a skipped test.
const RequirePeers = "PACSBRIDGE_REQUIRE_PEERS"

// Ports below the range from which the kernel takes those of outgoing connections.
const firstPort, lastPort = 20000, 32000

// A Peer is an application entity and where it listens.
type Peer struct {
	AE      string
	Address string // host:port
}

// Host is the host of the peer's address.
func (p Peer) Host() string {
	host, _, _ := net.SplitHostPort(p.Address)
	return host
}

// Port is the port of the peer's address, in decimal as command lines want it.
func (p Peer) Port() string {
	_, port, _ := net.SplitHostPort(p.Address)
	return port
}

func (p Peer) portNumber() int {
	n, _ := strconv.Atoi(p.Port())
	return n
}

// FreeAddress is a loopback address on which nobody listens, kept free until
// the test ends: no other test binary that asks is given the same one.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		mark, err := net.Listen("unix", fmt.Sprintf("@pacsbridge-port-%d", port))
		if err != nil {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if free(address) {
			tb.Cleanup(func() { mark.Close() })
			return address
		}
		mark.Close()
	}
	tb.Fatal("no free loopback port")
	return ""
}

func free(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// Program finds a program of the named Debian package, or skips the test; with
// RequirePeers set to 1 it fails instead.
func Program(tb testing.TB, program, pkg string) string {
	tb.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	absent(tb, "%s is not installed (Debian package %s)", program, pkg)
	return ""
}

func absent(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(RequirePeers) == "1" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// tempDir is a folder with a short path that goes away with the test. The
// folder of testing.TB carries the test's name, which is too long for some
// programs.
func tempDir(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pb-"+name+"-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// echo asks whether the peer answers a C-ECHO.
func (p Peer) echo(ctx context.Context) error { return p.echoOver(ctx, nil) }

// echoOver is echo over TLS, or without where config is nil.
func (p Peer) echoOver(ctx context.Context, config *tls.Config) error {
	dialer := &dimse.Dialer{Address: p.Address, CallingAE: "PROBE", CalledAE: p.AE, TLS: config}
	proposal := dimse.Proposal{SOPClass: uid.Verification, TransferSyntaxes: []string{uid.ImplicitLE}}
	association, err := dialer.Dial(ctx, []dimse.Proposal{proposal})
	if err != nil {
		return err
	}
	return errors.Join(association.Echo(ctx), association.Release(ctx))
}

// StartArchive starts an empty archive in memory that ends with the test.
func StartArchive(tb testing.TB, ae string) *Archive {
	tb.Helper()
	a := NewArchive(ae)
	if _, err := a.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { a.Close() })
	return a
}
