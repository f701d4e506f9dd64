package servertest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// SFTP runs OpenSSH's server. It takes a key; every password is wrong to it.
func SFTP(tb testing.TB) Store {
	tb.Helper()
	sshd := program(tb, "sshd", "openssh-server")
	keygen := program(tb, "ssh-keygen", "openssh-client")
	s, own := newStore(tb, "sftp")
	host, key := filepath.Join(own, "host"), filepath.Join(own, "key")
	for _, name := range []string{host, key} {
		if out, err := command(tb, keygen, "-q", "-t", "ed25519", "-N", "", "-f", name).CombinedOutput(); err != nil {
			tb.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // it insists
			tb.Fatal(err)
		}
	}
	port := freePort(tb)
	conf := write(tb, filepath.Join(own, "sshd_config"), fmt.Sprintf(`ListenAddress 127.0.0.1
Port %d
HostKey %s
AuthorizedKeysFile %s.pub
StrictModes no
UsePAM no
PasswordAuthentication yes
PermitRootLogin yes
MaxStartups 100
PidFile none
Subsystem sftp internal-sftp
`, port, host, key))
	start(tb, command(tb, sshd, "-D", "-e", "-f", conf), own, greets(loopback(port)))
	known := filepath.Join(own, "known_hosts")
	trust(tb, known, port, host+".pub")
	query := url.Values{"key": {key}, "known_hosts": {known}}
	s.URL = url.URL{Scheme: "sftp", User: url.User(account(tb)), Host: loopback(port), Path: s.Dir, RawQuery: query.Encode()}
	return s
}

// trust writes the key of a server into a file of known hosts.
func trust(tb testing.TB, known string, port int, public string) {
	tb.Helper()
	key, err := os.ReadFile(public)
	if err != nil {
		tb.Fatal(err)
	}
	write(tb, known, fmt.Sprintf("[127.0.0.1]:%d %s", port, key))
}

// PasswordSFTP runs rclone's SFTP server, which asks for User and Password.
func PasswordSFTP(tb testing.TB) Store {
	tb.Helper()
	rclone := program(tb, "rclone", "rclone")
	keygen := program(tb, "ssh-keygen", "openssh-client")
	s, own := newStore(tb, "sftp")
	host, known := filepath.Join(own, "host"), filepath.Join(own, "known_hosts")
	if out, err := command(tb, keygen, "-q", "-t", "ed25519", "-N", "", "-f", host).CombinedOutput(); err != nil {
		tb.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	port := freePort(tb)
	cmd := command(tb, rclone, "serve", "sftp", s.Dir, "--addr", loopback(port), "--user", User, "--pass", Password, "--key", host,
		"--config", write(tb, filepath.Join(own, "rclone.conf"), ""), "--cache-dir", filepath.Join(own, "cache"), "--dir-cache-time", "0", "--vfs-cache-mode", "off")
	start(tb, cmd, own, listening(loopback(port)))
	trust(tb, known, port, host+".pub")
	s.URL = url.URL{Scheme: "sftp", User: url.UserPassword(User, Password), Host: loopback(port), Path: "/", RawQuery: url.Values{"known_hosts": {known}}.Encode()}
	return s
}
