package fetch_test

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// line is a way to a server that can be cut.
type line struct {
	listener    net.Listener
	to          string
	connections atomic.Int64
	cuts        atomic.Int64

	lock   sync.Mutex
	after  int64 // bytes from the server until the cut
	left   int   // cuts still to come
	open   map[net.Conn]bool
	closed bool
	wait   sync.WaitGroup
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener, to: to, open: map[net.Conn]bool{}}
	l.wait.Go(l.serve)
	t.Cleanup(func() { l.close(); l.wait.Wait() })
	return l
}

// cutAfter cuts the next connections, so many times, each after so many bytes
// from the server.
func (l *line) cutAfter(bytes int64, times int) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.after, l.left = bytes, times
}

// close cuts all connections and takes no more.
func (l *line) close() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.closed = true
	_ = l.listener.Close()
	for conn := range l.open {
		_ = conn.Close()
	}
}

func (l *line) serve() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.connections.Add(1)
		server, err := net.Dial("tcp", l.to)
		if err != nil || !l.keep(client, server) {
			_ = client.Close()
			continue
		}
		l.wait.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
		l.wait.Go(func() { l.down(client, server) })
	}
}

func (l *line) keep(conns ...net.Conn) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	for _, conn := range conns {
		l.open[conn] = true
		if l.closed {
			_ = conn.Close()
		}
	}
	return !l.closed
}

// down carries what the server sends, up to a cut.
func (l *line) down(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	buffer := make([]byte, 1<<15)
	var sent int64
	for {
		n, err := server.Read(buffer)
		if _, failed := client.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
		if sent += int64(n); l.cut(sent) {
			l.cuts.Add(1)
			return
		}
	}
}

func (l *line) cut(sent int64) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.left == 0 || sent < l.after {
		return false
	}
	l.left--
	return true
}

// serverOf is the address of the server that a URL leads to.
func serverOf(u url.URL) string {
	if endpoint, err := url.Parse(u.Query().Get("endpoint")); err == nil && endpoint.Host != "" {
		return endpoint.Host
	}
	return u.Host
}

// through is a URL that goes over a link.
func through(t *testing.T, u url.URL, l *line) url.URL {
	t.Helper()
	address := l.listener.Addr().String()
	query := u.Query()
	if query.Has("endpoint") {
		query.Set("endpoint", "http://"+address)
		u.RawQuery = query.Encode()
		return u
	}
	if known := query.Get("known_hosts"); known != "" {
		query.Set("known_hosts", knownThere(t, known, u.Host, address))
		u.RawQuery = query.Encode()
	}
	u.Host = address
	return u
}

// knownThere is a file of known hosts in which the key of one address counts
// for another.
func knownThere(t *testing.T, known, address, other string) string {
	t.Helper()
	text, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	bracketed := func(address string) string { return strings.Replace("["+address, ":", "]:", 1) }
	path := filepath.Join(t.TempDir(), "known_hosts")
	write(t, path, strings.Replace(string(text), bracketed(address), bracketed(other), 1))
	return path
}
