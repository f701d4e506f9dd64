package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// TestLab is `make lab`: two real archives and a legacy system to try pacsbridge
// on by hand, until Ctrl-C. PACSBRIDGE_LAB names the folder for its settings.
func TestLab(t *testing.T) {
	dir := os.Getenv("PACSBRIDGE_LAB")
	if dir == "" {
		t.Skip("for trying by hand: make lab")
	}
	h, old := newOrthancHospital(t)
	settings, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "pacsbridge.yaml")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, settings, 0o600); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nOLDPACS %s (its pages: %s)\nNEWPACS %s (its pages: %s)\nlegacy  %s\n\nIn another terminal:\n"+
		"  go run ./cmd/pacsbridge check --config %[6]s\n"+
		"  go run ./cmd/pacsbridge migrate --from 1980-01-01 --to 2026-12-31 --config %[6]s\n\nCtrl-C ends the lab.\n",
		old.Address, old.URL, h.new.Address, h.new.URL, h.legacy.url, config)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
}
