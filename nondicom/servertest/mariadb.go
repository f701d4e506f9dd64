package servertest

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
)

// MariaDB runs a MariaDB server until the test ends and returns the URL of its
// server (mysql://root@host:port/), whose user may do everything.
func MariaDB(tb testing.TB) (url string) {
	tb.Helper()
	install := program(tb, "mariadb-install-db", "mariadb-server")
	server := program(tb, "mariadbd", "mariadb-server")
	dir := tempDir(tb, "mariadb")
	data := filepath.Join(dir, "data")
	cmd := exec.Command(install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-log-bin",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=8M")
	cmd.Dir = dir
	if err := asUser(cmd, dir, "mysql", "nobody"); err != nil {
		tb.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	port := freePort(tb)
	cmd = exec.Command(server, "--no-defaults", "--datadir="+data, "--socket="+filepath.Join(dir, "socket"), "--pid-file="+filepath.Join(dir, "pid"),
		fmt.Sprint("--port=", port), "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--character-set-server=utf8mb4",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M")
	cmd.Dir = dir
	if err := asUser(cmd, dir, "mysql", "nobody"); err != nil {
		tb.Fatal(err)
	}
	start(tb, cmd, dir, greets(loopback(port)))
	return "mysql://root@" + loopback(port) + "/"
}

// greets is true once a server says the first word.
func greets(address string) func() error {
	return func() error {
		conn, err := net.DialTimeout("tcp", address, readyWithin)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
		return err
	}
}
