package bridge_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

// badServer is a web server whose files misbehave as their folder says.
type badServer struct {
	*httptest.Server

	mu   sync.Mutex
	seen map[string]int // requests by method and file
}

func newBadServer(t *testing.T) *badServer {
	s := &badServer{seen: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *badServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	how, key := path.Base(path.Dir(r.URL.Path)), strings.TrimSuffix(path.Base(r.URL.Path), ".pdf")
	body, changed := content(key), time.Unix(1_700_000_000, 0)
	reads, seen := s.count(r)
	switch {
	case how == "refused":
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	case how == "changing":
		changed = changed.Add(time.Duration(seen) * time.Minute)
	case how == "differing" && r.Method == http.MethodHead:
		body = append(body, "more than there is"...)
	case r.Method == http.MethodGet && (how == "cut-once" && reads == 1 || how == "cut-always"):
		w = &cutting{ResponseWriter: w, left: max(0, len(body)/2-offset(r))}
	case !strings.HasPrefix(how, "cut-") && how != "differing":
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", changed, bytes.NewReader(body))
}

// count counts the reads of a file and all requests for it, this one included.
func (s *badServer) count(r *http.Request) (reads, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[r.Method+r.URL.Path]++
	reads = s.seen[http.MethodGet+r.URL.Path]
	return reads, reads + s.seen[http.MethodHead+r.URL.Path]
}

// offset is where a request wants to go on.
func offset(r *http.Request) (n int) {
	_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &n) // without one: from the beginning
	return n
}

// cutting ends the connection in the middle of a body.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}
