package dimsetest

import (
	"context"
	"crypto/tls"
	"os/exec"
	"testing"
)

// Storescp is a running DCMTK storescp: a store that keeps each data set as it
// came, one file an instance.
type Storescp struct {
	*Process
	Peer
	Dir string // where it writes
}

// StorescpOptions says what to start; the zero value will do.
type StorescpOptions struct {
	AE      string   // STORESCP when empty
	Address string   // a free one when empty
	Args    []string // further options, e.g. --abort-after, +xi
	Nagle   bool     // leave Nagle's algorithm on, as it is shipped
	// TLS is how to ask it whether it is ready, where Args make it speak TLS.
	TLS *tls.Config
}

// StartStorescp starts a storescp that takes every SOP class and transfer
// syntax it knows, several associations at a time.
func StartStorescp(tb testing.TB, options StorescpOptions) *Storescp {
	tb.Helper()
	program := Program(tb, "storescp", "dcmtk")
	peer := peerOr(tb, options.AE, "STORESCP", options.Address)
	dir := tempDir(tb, "storescp")
	args := append([]string{
		"--fork", "--accept-all", "--promiscuous", "--bit-preserving",
		"--aetitle", peer.AE, "--output-directory", dir,
	}, options.Args...)
	cmd := exec.Command(program, append(args, peer.Port())...)
	cmd.Env = environment(cmd, options.Nagle)
	s := &Storescp{Process: startProcess(tb, "storescp", cmd), Peer: peer, Dir: dir}
	s.await(tb, func(ctx context.Context) error { return peer.echoOver(ctx, options.TLS) })
	return s
}

// Files lists the files it has stored.
func (s *Storescp) Files(tb testing.TB) []string { return filesIn(tb, s.Dir) }
