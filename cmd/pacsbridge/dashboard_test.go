package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"pacsbridge/conf"
	"pacsbridge/dimse/dimsetest"
)

func TestProfilesAreForThoseWhoKnowTheToken(t *testing.T) {
	d, err := newDashboard(conf.Dashboard{Listen: "127.0.0.1:0", Token: "open sesame"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	at := "http://" + d.listener.Addr().String() + "/debug/pprof/goroutine?debug=1"
	for name, c := range map[string]struct {
		authorise func(*http.Request)
		want      int
	}{
		"nobody":        {func(*http.Request) {}, http.StatusUnauthorized},
		"a wrong token": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer open") }, http.StatusUnauthorized},
		"an empty one":  {func(r *http.Request) { r.SetBasicAuth("admin", "") }, http.StatusUnauthorized},
		"bearer":        {func(r *http.Request) { r.Header.Set("Authorization", "Bearer open sesame") }, http.StatusOK},
		"password":      {func(r *http.Request) { r.SetBasicAuth("admin", "open sesame") }, http.StatusOK},
	} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.authorise(request)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s: %s, want %d", name, answer.Status, c.want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAServingNodeShowsItsProgress asks it as a browser does.
func TestAServingNodeShowsItsProgress(t *testing.T) {
	t.Parallel()
	address := dimsetest.FreeAddress(t)
	l := newLab(t, 4, fmt.Sprintf(`dashboard: {listen: %q, token: "open sesame"}`, address))
	l.run(exitOK, january...)
	l.run(exitOK, "pause", "--department", "<b>")
	serve := l.serving()
	look := func(path string) (answer *http.Response, page string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("admin", "open sesame")
		if answer, err = http.DefaultClient.Do(request); err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(body)
	}
	answer, page := look("/")
	n := strconv.Itoa(len(l.old.Instances()))
	for _, want := range []string{"<td>all</td><td>0</td><td>0</td><td>0</td><td>0</td><td>0</td><td>4</td><td>0</td><td>0</td>",
		"<td>instances</td><td>" + n + "</td><td>" + n + "</td><td>" + n + "</td><td>" + n + "</td>", "paused: department &lt;b&gt;, since"} {
		if !strings.Contains(page, want) {
			t.Errorf("%s: no %s in\n%s", answer.Status, want, page)
		}
	}
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	if answer, _ := look("/elsewhere"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("elsewhere: %s", answer.Status)
	}
	http.DefaultClient.CloseIdleConnections()
	serve.Process.Signal(syscall.SIGTERM)
	serve.ended(exitInterrupted)
}

func TestWithoutATokenThereIsNoDashboard(t *testing.T) {
	if d, err := newDashboard(conf.Dashboard{Listen: "127.0.0.1:0"}, nil, nil); d != nil || err != nil {
		t.Errorf("got %v, %v", d, err)
	}
}
