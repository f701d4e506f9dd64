package servertest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// SMB runs Samba with one share.
func SMB(tb testing.TB) Store {
	tb.Helper()
	smbd := program(tb, "smbd", "samba")
	smbpasswd := program(tb, "smbpasswd", "samba-common-bin")
	s, own := newStore(tb, "smb")
	name := account(tb) // Samba's users are users of the machine
	var folders strings.Builder
	for _, kind := range []string{"private", "lock", "state", "cache", "pid", "ncalrpc"} {
		path := filepath.Join(own, kind)
		if err := os.Mkdir(path, 0o755); err != nil {
			tb.Fatal(err)
		}
		setting := map[string]string{"private": "private dir", "lock": "lock directory", "state": "state directory", "cache": "cache directory", "pid": "pid directory", "ncalrpc": "ncalrpc dir"}[kind]
		fmt.Fprintf(&folders, "%s = %s\n", setting, path)
	}
	port := freePort(tb)
	conf := write(tb, filepath.Join(own, "smb.conf"), fmt.Sprintf(`[global]
%sinterfaces = lo
bind interfaces only = yes
smb ports = %d
security = user
passdb backend = tdbsam
server role = standalone server
disable netbios = yes
load printers = no
printing = bsd
printcap name = /dev/null
disable spoolss = yes
log file = %s
invalid users =
[scans]
path = %s
read only = no
`, folders.String(), port, filepath.Join(own, "smb.log"), s.Dir))
	add := command(tb, smbpasswd, "-c", conf, "-a", "-s", name)
	add.Stdin = strings.NewReader(Password + "\n" + Password + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		tb.Fatalf("smbpasswd: %v\n%s", err, out)
	}
	start(tb, command(tb, smbd, "--foreground", "--no-process-group", "--configfile="+conf, "--debug-stdout"), own, listening(loopback(port)))
	s.URL = url.URL{Scheme: "smb", User: url.UserPassword(name, Password), Host: loopback(port), Path: "/scans"}
	return s
}
