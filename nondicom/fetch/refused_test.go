package fetch_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pacsbridge/nondicom/fetch"
	"pacsbridge/nondicom/servertest"
)

// webKinds are the stores in which each request is judged by itself.
var webKinds = map[string]func(t testing.TB) servertest.Store{"HTTP": servertest.HTTP, "WebDAV": servertest.WebDAV}

// guard stands before a web server and refuses requests, as by a wrong password.
type guard struct {
	at       url.URL
	refuses  atomic.Value // what a path holds that is refused, a string
	requests atomic.Int64
	refused  atomic.Int64
}

func newGuard(t *testing.T, s servertest.Store, refuses string) *guard {
	t.Helper()
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.URL.Host})
	g := &guard{at: s.URL}
	g.refuses.Store(refuses)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.requests.Add(1)
		if strings.Contains(r.URL.Path, g.refuses.Load().(string)) {
			g.refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.at.Host = server.Listener.Addr().String()
	return g
}

func TestAFileThatAWebServerKeepsDoesNotCloseTheStore(t *testing.T) {
	for name, start := range webKinds {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			for _, file := range []string{"a.pdf", "board/b.pdf", "c.pdf"} {
				write(t, filepath.Join(s.Dir, file), content)
			}
			for _, order := range [][]string{{"a.pdf", "board/b.pdf", "c.pdf"}, {"board/b.pdf", "a.pdf", "board/b.pdf"}} {
				stores := openStore(t, newGuard(t, s, "board").at)
				for _, file := range order {
					_, _, err := get(t, stores, "reports:"+file)
					if kept := strings.HasPrefix(file, "board"); kept {
						check(t, err, "reports:"+file, fetch.ErrDenied)
					} else if err != nil {
						t.Errorf("%s of %v: %v", file, order, err)
					}
				}
			}
		})
	}
}

func TestAPasswordThatCountsNoMoreClosesTheStore(t *testing.T) {
	for name, start := range webKinds {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			write(t, filepath.Join(s.Dir, "a.pdf"), content)
			g := newGuard(t, s, "board")
			stores := openStore(t, g.at)
			if _, _, err := get(t, stores, "reports:a.pdf"); err != nil {
				t.Fatal(err)
			}
			g.refuses.Store("/")
			for range 2 {
				_, _, err := get(t, stores, "reports:a.pdf")
				check(t, err, "reports:a.pdf", fetch.ErrPassword)
			}
			if n := g.refused.Load(); n > 2 {
				t.Errorf("the password was refused %d times", n)
			}
			before := g.requests.Load()
			_, _, err := get(t, stores, "reports:b.pdf")
			if check(t, err, "reports:b.pdf", fetch.ErrPassword); g.requests.Load() != before {
				t.Error("the server was asked once more")
			}
		})
	}
}

// refusals are what FTP servers answer to a login, and whether it may go well later.
var refusals = map[string]bool{
	"530 Sorry, the maximum number of allowed clients (10) already connected.":          true, // ProFTPD
	"530 Sorry, the maximum number of clients (2) for this user are already connected.": true,
	"530 Sorry, the maximum number clients (3) from your host are already connected.":   true,
	"530-Sorry, there are too many users at the moment.\r\n530 Please try again later.": true, // wu-ftpd
	"530 Sorry, max 50 users -- try again in 15 minutes":                                true,
	"530 User cannot log in, the maximum number of connections was reached.":            true, // IIS
	"421 There are too many connected users, please try again later.":                   true, // vsftpd
	"530 Login incorrect.":    false,
	"530 User cannot log in.": false,
	"530 Maximum login attempts (3) exceeded for this user, connection refused.":                   false,
	"530 Too many failed logins, user is locked out.":                                              false,
	"530 Too many users have tried this password.":                                                 false,
	"430 Invalid username or password":                                                             false,
	"530-Welcome.\r\n530 This account is disabled; the limit of incorrect connections is reached.": false,
}

func TestAnFTPServerThatIsFullIsForLater(t *testing.T) {
	for answer, later := range refusals {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			server := newRefuser(t, answer)
			stores := openStore(t, url.URL{Scheme: "ftp", User: url.UserPassword("ris", "geheim"), Host: server.listener.Addr().String(), Path: "/"})
			want, logins := fetch.ErrPassword, int64(1)
			if later {
				want, logins = fetch.ErrBroken, 2
			}
			for range 2 {
				_, err := stores.Fetch(t.Context(), "reports:a.pdf")
				check(t, err, "reports:a.pdf", want)
				var e *fetch.Error
				if errors.As(err, &e) && e.Temporary() != later {
					t.Errorf("%v is temporary: %t", err, e.Temporary())
				}
			}
			if n := server.logins.Load(); n != logins {
				t.Errorf("%d logins, want %d", n, logins)
			}
		})
	}
}

// refuser is an FTP server that answers each login in the same way.
type refuser struct {
	listener net.Listener
	answer   string
	logins   atomic.Int64
	wait     sync.WaitGroup
}

func newRefuser(t *testing.T, answer string) *refuser {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &refuser{listener: listener, answer: answer}
	r.wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.wait.Go(func() { r.talk(conn) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); r.wait.Wait() })
	return r
}

func (r *refuser) talk(conn net.Conn) {
	defer conn.Close()
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") } // who has gone reads no answer
	say("220 ready")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch verb, _, _ := strings.Cut(lines.Text(), " "); verb {
		case "USER":
			say("331 and the password?")
		case "PASS":
			r.logins.Add(1)
			say(r.answer)
		default:
			say(fmt.Sprintf("500 %s is not known", verb))
		}
	}
}
