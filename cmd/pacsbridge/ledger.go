package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pacsbridge/conf"
	"pacsbridge/staging"
)

// withLedger opens the staging database of the settings for the time of work.
func (p *program) withLedger(ctx context.Context, work func(*staging.DB) error) error {
	settings, err := p.settings()
	if err != nil {
		return err
	}
	return p.openLedger(ctx, settings, work)
}

// openLedger is withLedger for those who have the settings already.
func (p *program) openLedger(ctx context.Context, settings *conf.Settings, work func(*staging.DB) error) error {
	db, err := staging.Open(ctx, staging.Options{URL: settings.Staging.URL.Reveal(), Logger: p.log})
	if err != nil {
		hint := "see staging.url; the server must run, and let the user make tables in the database"
		if strings.HasPrefix(settings.Staging.URL.Reveal(), "sqlite:") {
			hint = "see staging.url; the folder must exist and be writable"
		}
		return withHint(fmt.Errorf("open %s: %w", settings.Staging.URL, err), hint)
	}
	return errors.Join(work(db), db.Close())
}
