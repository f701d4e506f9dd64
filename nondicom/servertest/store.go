package servertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"
)

// Store is a server that hands out the files of a folder.
type Store struct {
	// Dir is the folder, to be filled by the test.
	Dir string
	// URL leads to it, with user and password.
	URL url.URL
}

// The user and password of servers that have users of their own.
const (
	User     = "reader"
	Password = "ge heim/@1"
)

// newStore makes the folder of a server, and one for its own files.
func newStore(tb testing.TB, name string) (s Store, own string) {
	tb.Helper()
	own = tempDir(tb, name)
	s.Dir = filepath.Join(own, "files")
	if err := os.Mkdir(s.Dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	return s, own
}

// command has the server die with the test, whatever it does.
func command(tb testing.TB, path string, args ...string) *exec.Cmd {
	return exec.CommandContext(context.WithoutCancel(tb.Context()), path, args...)
}

// WebDAV runs rclone's WebDAV server.
func WebDAV(tb testing.TB) Store { return rcloneServe(tb, "webdav", "webdav") }

// HTTP runs rclone's web server.
func HTTP(tb testing.TB) Store { return rcloneServe(tb, "http", "http") }

// rcloneServe runs one of rclone's servers, which asks for User and Password.
func rcloneServe(tb testing.TB, protocol, scheme string) Store {
	tb.Helper()
	rclone := program(tb, "rclone", "rclone")
	s, own := newStore(tb, protocol)
	address := loopback(freePort(tb))
	cmd := command(tb, rclone, "serve", protocol, s.Dir, "--addr", address, "--user", User, "--pass", Password,
		"--config", write(tb, filepath.Join(own, "rclone.conf"), ""), "--cache-dir", filepath.Join(own, "cache"), "--dir-cache-time", "0", "--vfs-cache-mode", "off")
	start(tb, cmd, own, listening(address))
	s.URL = url.URL{Scheme: scheme, User: url.UserPassword(User, Password), Host: address, Path: "/"}
	return s
}

// certificate writes a certificate for this machine and its key into one file.
func certificate(tb testing.TB, path string) string {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	signed, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return write(tb, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))+
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// account is the user that runs the test.
func account(tb testing.TB) string {
	tb.Helper()
	u, err := user.Current()
	if err != nil {
		tb.Fatal(err)
	}
	return u.Username
}
