package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

const (
	demoStudies = 30
	demoSeed    = 20260101
	demoAE      = "PACSBRIDGE"
)

var (
	demoFirst = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	demoLast  = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
)

func newDemoCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show a whole migration on this machine, with nothing installed",
		Long: "Show a whole migration on this machine, with nothing installed: an old and a new PACS in memory that\n" +
			"speak DICOM over loopback, an embedded legacy database with records, PDFs and photographs, and an\n" +
			"embedded staging database. Everything is synthetic; it ends by itself and cleans up.",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return p.demo(command.Context()) },
	}
}

// demo sets two archives and a hospital's legacy data up in a temporary folder
// and migrates a month of them with the same code that migrates a hospital.
func (p *program) demo(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "pacsbridge-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer os.RemoveAll(dir)
	old, new := dimsetest.NewArchive("OLDPACS"), dimsetest.NewArchive("NEWPACS")
	for _, archive := range []*dimsetest.Archive{old, new} {
		if _, err := archive.Start(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("start %s: %w", archive.AE, err)
		}
		defer archive.Close()
	}
	studies := dimsetest.Corpus(demoSeed, demoStudies, demoFirst, 31)
	for _, s := range studies {
		if err := old.Add(s.Objects...); err != nil {
			return fmt.Errorf("fill the old PACS: %w", err)
		}
	}
	if err := writeLegacy(ctx, dir, studies); err != nil {
		return fmt.Errorf("make the legacy database: %w", err)
	}
	own, err := freeAddress()
	if err != nil {
		return err
	}
	old.AddDestination(demoAE, own)
	if err := writeDemoSettings(dir, own, old, new); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "An old PACS with %d studies of January 2026, an empty new PACS, and a legacy database beside them.\n\n"+
		"$ pacsbridge migrate --from 2026-01-01 --to 2026-01-31\n", demoStudies)
	inside := *p
	inside.configPath = filepath.Join(dir, "pacsbridge.yaml")
	if !p.verbose {
		inside.log = slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	inside.env = func(string) (string, bool) { return "", false }
	return inside.withRig(ctx, func(r *rig) error { return inside.demonstrate(ctx, r, studies[5].UID) })
}

// demonstrate migrates, and shows how one checks it.
func (p *program) demonstrate(ctx context.Context, r *rig, studyUID string) error {
	begin := time.Now()
	m := migration{selected: selection{days: dayRange{isoDay(demoFirst), isoDay(demoLast)}}}
	if err := p.migrate(ctx, r, &m); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "\nin %.1f s\n\n$ pacsbridge verify --study %s\n", time.Since(begin).Seconds(), studyUID)
	result, err := r.reconciler().Range(ctx, staging.Scope{StudyUIDs: []string{studyUID}}, nil)
	if err != nil {
		return err
	}
	if err := printReconciliation(p.stdout, result, false); err != nil {
		return err
	}
	if err := p.showItems(ctx, r.db, studyUID); err != nil {
		return err
	}
	fmt.Fprint(p.stdout, demoNext)
	if result.Complete != result.Studies {
		return incompletef("the study is not complete at the new PACS")
	}
	return nil
}

const demoNext = `
Where to look next:
  pacsbridge init      write pacsbridge.yaml for your own two PACS
  pacsbridge check     try everything a migration needs
  pacsbridge --help    all commands;  docs/operating.md tells the rest
`

// showItems prints what one study is made of and where each part stands.
func (p *program) showItems(ctx context.Context, db *staging.DB, studyUID string) error {
	_, items, err := db.Study(ctx, studyUID)
	if err != nil {
		return err
	}
	rows := [][]string{{"KIND", "STATE", "BYTES", "SHA-256", "UID"}}
	for _, it := range items {
		rows = append(rows, []string{string(it.Kind), string(it.State), fmt.Sprint(it.Bytes), it.SHA256[:min(16, len(it.SHA256))], it.UID})
	}
	return printTable(p.stdout, rows)
}

// freeAddress finds a port on loopback that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// writeDemoSettings writes the settings the demo runs with, as an operator would.
func writeDemoSettings(dir, own string, old, new *dimsetest.Archive) error {
	text := fmt.Sprintf(`node: {ae_title: %s, listen: %q}
old: {ae_title: %s, address: %q, associations: 4}
new: {ae_title: %s, address: %q}
staging: {url: %q, spool: %q}
migration: {departments: [{name: RAD, workers: 4}, {name: "*", workers: 4}]}
legacy:
  url: %q
  records: "SELECT * FROM studies WHERE study_date >= :from AND study_date < :to"
  attachments: "SELECT * FROM documents WHERE study_key = :study_key"
  stores: [{name: files, at: %q}]
`, demoAE, own, old.AE, old.Peer().Address, new.AE, new.Peer().Address,
		"sqlite:"+filepath.Join(dir, "staging.db"), filepath.Join(dir, "spool"),
		"sqlite:"+filepath.Join(dir, legacyFile), filepath.Join(dir, "files"))
	return os.WriteFile(filepath.Join(dir, "pacsbridge.yaml"), []byte(text), 0o600)
}
