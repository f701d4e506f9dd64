package main

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"pacsbridge/staging"
)

//go:embed dashboard.html
var dashboardText string

var dashboardTemplate = template.Must(template.New("dashboard").Funcs(pageWords).Parse(dashboardText))

// progressPage shows the ledger's numbers in a browser, as status prints them. It has no
// script, and names no patient and no study.
type progressPage struct {
	ledger *staging.DB
	log    *slog.Logger
}

// progressShown is what the page tells.
type progressShown struct {
	Made        time.Time
	Trouble     []string // why studies are not opened
	Status      staging.Status
	Departments []staging.StatusGroup
}

func (p *progressPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var page bytes.Buffer
	told, err := p.look(r.Context())
	if err == nil {
		err = dashboardTemplate.Execute(&page, told)
	}
	if err != nil {
		p.log.Error("the page of the progress cannot be made", "error", err)
		http.Error(w, "the ledger does not answer; see the log", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = page.WriteTo(w) // who does not wait for it does not get it
}

// look reads the numbers.
func (p *progressPage) look(ctx context.Context) (told progressShown, err error) {
	told.Made = time.Now()
	if told.Status, err = p.ledger.Status(ctx, staging.Scope{}); err != nil {
		return told, err
	}
	if told.Departments, err = p.ledger.StatusBy(ctx, staging.Scope{}, staging.ByDepartment); err != nil {
		return told, err
	}
	told.Trouble, err = restOf(ctx, p.ledger)
	return told, err
}
