package main

import (
	"context"
	"net/http"
	"testing"

	"pacsbridge/conf"
)

func TestProfilesAreForThoseWhoKnowTheToken(t *testing.T) {
	d, err := newDashboard(conf.Dashboard{Listen: "127.0.0.1:0", Token: "open sesame"})
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

func TestWithoutATokenThereIsNoDashboard(t *testing.T) {
	if d, err := newDashboard(conf.Dashboard{Listen: "127.0.0.1:0"}); d != nil || err != nil {
		t.Errorf("got %v, %v", d, err)
	}
}
