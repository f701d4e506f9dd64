package servertest

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// pyftpd is an FTP server with a user of its own. Its arguments: folder, port,
// user, password, certificate or nothing.
const pyftpd = `
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
folder, port, user, password, certificate = sys.argv[1:]
handler = FTPHandler
if certificate:
    from pyftpdlib.handlers import TLS_FTPHandler
    handler = TLS_FTPHandler
    handler.certfile = certificate
    handler.tls_control_required = handler.tls_data_required = True
handler.authorizer = DummyAuthorizer()
handler.authorizer.add_user(user, password, folder, perm="elradfmwMT")
handler.auth_failed_timeout = 0
FTPServer(("127.0.0.1", int(port)), handler).serve_forever()
`

// FTP runs pyftpdlib's server, which asks for User and Password.
func FTP(tb testing.TB) Store { return pythonFTP(tb, false) }

// FTPExplicitTLS runs the same; it wants TLS after the first word.
func FTPExplicitTLS(tb testing.TB) Store { return pythonFTP(tb, true) }

func pythonFTP(tb testing.TB, secure bool) Store {
	tb.Helper()
	python := program(tb, "/usr/bin/python3", "python3-pyftpdlib") // Debian's, which has Debian's modules
	if err := command(tb, python, "-c", "import pyftpdlib").Run(); err != nil {
		missing(tb, "pyftpdlib", "python3-pyftpdlib")
	}
	s, own := newStore(tb, "ftp")
	pem := ""
	s.URL = url.URL{Scheme: "ftp", User: url.UserPassword(User, Password), Path: "/"}
	if secure {
		pem = certificate(tb, filepath.Join(own, "server.pem"))
		s.URL.RawQuery = "tls=explicit&verify=no"
	}
	port := freePort(tb)
	s.URL.Host = loopback(port)
	start(tb, command(tb, python, "-c", pyftpd, s.Dir, fmt.Sprint(port), User, Password, pem), own, greets(s.URL.Host))
	return s
}

// AnonymousFTP runs vsftpd, which lets everybody in.
func AnonymousFTP(tb testing.TB) Store { return vsftpd(tb, false) }

// FTPS runs vsftpd with TLS from the beginning.
func FTPS(tb testing.TB) Store { return vsftpd(tb, true) }

func vsftpd(tb testing.TB, secure bool) Store {
	tb.Helper()
	server := program(tb, "vsftpd", "vsftpd")
	s, own := newStore(tb, "vsftpd")
	port := freePort(tb)
	s.URL = url.URL{Scheme: "ftp", Host: loopback(port), Path: "/"}
	settings := []string{"listen=YES", "listen_address=127.0.0.1", fmt.Sprint("listen_port=", port), "background=NO", "anonymous_enable=YES", "local_enable=NO",
		"no_anon_password=YES", "anon_world_readable_only=NO", "run_as_launching_user=YES", "one_process_model=NO", "seccomp_sandbox=NO", "anon_root=" + s.Dir, "xferlog_enable=NO", "utf8_filesystem=YES"}
	if secure {
		s.URL.Scheme, s.URL.RawQuery = "ftps", "verify=no"
		pem := certificate(tb, filepath.Join(own, "server.pem"))
		settings = append(settings, "ssl_enable=YES", "implicit_ssl=YES", "allow_anon_ssl=YES", "force_anon_data_ssl=YES", "force_anon_logins_ssl=YES", "require_ssl_reuse=NO",
			"rsa_cert_file="+pem, "rsa_private_key_file="+pem, "ssl_ciphers=HIGH")
	}
	conf := write(tb, filepath.Join(own, "vsftpd.conf"), strings.Join(settings, "\n")+"\n")
	start(tb, command(tb, server, conf), own, listening(s.URL.Host))
	return s
}
