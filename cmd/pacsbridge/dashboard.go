package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"pacsbridge/conf"
	"pacsbridge/staging"
)

// headerPatience is how long a client of the dashboard may take to say what it wants.
const headerPatience = 10 * time.Second

// dashboard is what the node tells of itself over HTTP, to those who know
// dashboard.token: the progress at /, and the profiles of its processor time and memory
// under /debug/pprof/. It changes nothing.
type dashboard struct {
	listener net.Listener
	server   *http.Server
}

// newDashboard opens dashboard.listen. Without a token there is no dashboard: nil.
func newDashboard(s conf.Dashboard, ledger *staging.DB, log *slog.Logger) (*dashboard, error) {
	if s.Token.Reveal() == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return nil, withHint(fmt.Errorf("listen on %s for the dashboard: %w", s.Listen, err), "see dashboard.listen; an empty dashboard.token does without it")
	}
	pages := http.NewServeMux()
	pages.Handle("GET /{$}", &progressPage{ledger, log})
	pages.HandleFunc("GET /debug/pprof/", pprof.Index)
	pages.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	pages.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	pages.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	pages.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &dashboard{listener: listener, server: &http.Server{
		Handler: guarded(s.Token.Reveal(), pages), ReadHeaderTimeout: headerPatience,
	}}, nil
}

// run answers until the context ends.
func (d *dashboard) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = d.server.Close() })
	defer stop()
	if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("dashboard: %w", err)
	}
	return nil
}

// guarded lets requests through that carry the token: as a bearer token, or as the
// password that a browser asks for, with any user name.
func guarded(token string, pages http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, told, _ := r.BasicAuth()
		if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			told = bearer
		}
		if got := sha256.Sum256([]byte(told)); subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="pacsbridge", charset="UTF-8"`)
			http.Error(w, "the token of dashboard.token is needed", http.StatusUnauthorized)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
