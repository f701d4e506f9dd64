package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
)

func newCheckCommand(p *program) *cobra.Command {
	var asJSON bool
	var day string
	command := &cobra.Command{
		Use:   "check",
		Short: "Try everything a migration needs, and say how to mend what does not work",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			on, err := parseDay("--day", day)
			if err != nil {
				return err
			}
			findings, err := p.check(command.Context(), on)
			if err != nil {
				return err
			}
			if err := printFindings(p.stdout, findings, asJSON); err != nil {
				return err
			}
			faults := 0
			for _, f := range findings {
				if !f.OK {
					faults++
				}
			}
			if faults > 0 {
				return fmt.Errorf("%s of %d did not pass", count(faults, "check", "checks"), len(findings))
			}
			return nil
		},
	}
	command.Flags().StringVar(&day, "day", "", "day of which the first legacy record is shown, masked (default: the last one that has records, of two weeks)")
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return command
}

// finding is the outcome of one check.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// check tries everything; the settings themselves must be right for that. The
// legacy database is asked for the records of a day, zero: of the last that has some.
func (p *program) check(ctx context.Context, day time.Time) ([]finding, error) {
	settings, err := p.settings()
	if err != nil {
		return nil, err
	}
	findings := []finding{{Check: "settings", OK: true, Detail: p.configPath}}
	try := func(name string, do func() (string, error)) {
		detail, err := do()
		findings = append(findings, found(name, detail, err))
	}
	try("staging database", func() (string, error) {
		return settings.Staging.URL.String(), p.openLedger(ctx, settings, func(*staging.DB) error { return nil })
	})
	try("spool", func() (string, error) { return settings.Staging.Spool, tryFolder(settings.Staging.Spool) })

	r := &rig{settings: settings, log: p.log}
	if r.old, err = newPeer("old", settings, settings.Old.Peer, nil, p.log); err != nil {
		return nil, err
	}
	if r.new, err = newPeer("new", settings, settings.New.Peer, nil, p.log); err != nil {
		return nil, err
	}
	defer r.close()
	try("old PACS answers", func() (string, error) { return settings.Old.AETitle, r.explain(r.old.Echo(ctx)) })
	try("old PACS answers queries", func() (string, error) { return "C-FIND at STUDY level", r.explain(tryFind(ctx, r.old)) })
	if settings.Old.Retrieve == conf.RetrieveGet {
		try("old PACS sends by C-GET", func() (string, error) { return r.tryGet(ctx) })
	} else {
		try("old PACS knows us as move destination", func() (string, error) { return r.tryMove(ctx) })
	}
	try("new PACS answers", func() (string, error) { return settings.New.AETitle, r.explain(r.new.Echo(ctx)) })
	try("new PACS answers queries", func() (string, error) { return "C-FIND at STUDY level", r.explain(tryFind(ctx, r.new)) })
	try("new PACS takes the usual objects", func() (string, error) { return r.tryContexts(ctx, p) })
	if words := settings.New.Decompress.Words(); len(words) > 0 {
		try("program that decompresses", func() (string, error) {
			return words[0], withHint((&bridge.Decompressor{Command: words}).Check(), decompressHint)
		})
	}
	if settings.New.Commitment == conf.CommitmentRequire {
		try("new PACS commits to storage", func() (string, error) { return r.tryCommitment(ctx, p) })
	}
	r.tryRules(try)
	if settings.Legacy.Enabled() {
		try("legacy database", func() (string, error) { return r.tryLegacy(ctx, day) })
	}
	for _, store := range settings.Legacy.Stores {
		try("store "+store.Name, func() (string, error) {
			return store.At.String(), tryStore(ctx, fetch.Store{Name: store.Name, At: store.At.Reveal()})
		})
	}
	if settings.Nondicom.PDFRefused == conf.FallbackPages {
		try("pages of PDFs", func() (string, error) {
			return "pdftoppm", withHint(nondicom.CanDrawPages(), "install poppler-utils, or see nondicom.pdf_refused")
		})
	}
	if sendsToArchive(settings) {
		try("archive", func() (string, error) { return settings.Nondicom.Archive.Store.String(), tryArchive(ctx, settings) })
	}
	return findings, nil
}

func found(name, detail string, err error) finding {
	f := finding{Check: name, OK: err == nil, Detail: detail}
	if err != nil {
		f.Detail = err.Error()
		var hinted *hintedError
		if errors.As(err, &hinted) {
			f.Hint = hinted.hint
		}
	}
	return f
}

// tryFolder makes the folder and writes a file in it.
func tryFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return withHint(err, "see staging.spool")
	}
	f, err := os.CreateTemp(dir, "check-*")
	if err != nil {
		return withHint(err, "see staging.spool; the folder must be writable")
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// nowhere is a study that no PACS holds.
var nowhere = uid.Derive("pacsbridge", "check")

// tryFind asks for a study that is not there.
func tryFind(ctx context.Context, peer *bridge.Peer) error {
	for _, err := range peer.Studies(ctx, bridge.StudyQuery{StudyUID: nowhere}) {
		if err != nil {
			return err
		}
	}
	return nil
}

// tryGet asks OLD by C-GET for a study that is not there.
func (r *rig) tryGet(ctx context.Context) (string, error) {
	err := (&bridge.Getter{Peer: r.old}).Retrieve(ctx, bridge.Selection{StudyUID: nowhere}, time.Now)
	var status *dimse.StatusError
	if errors.As(err, &status) {
		return fmt.Sprintf("it answers a study it does not hold with %s", status.Status), nil
	}
	return "C-GET", r.explain(err)
}

// usualObjects are what nearly every archive holds, and what we make ourselves.
var usualObjects = []dimse.Proposal{
	{SOPClass: uid.CTImageStorage, TransferSyntaxes: []string{uid.ExplicitLE}},
	{SOPClass: uid.SecondaryCapture, TransferSyntaxes: []string{uid.JPEGBaseline}},
	{SOPClass: uid.EncapsulatedPDF, TransferSyntaxes: []string{uid.ExplicitLE}},
	{SOPClass: uid.BasicTextSR, TransferSyntaxes: []string{uid.ExplicitLE}},
}

func (r *rig) tryContexts(ctx context.Context, p *program) (string, error) {
	dialer, err := peerOf("new", r.settings, r.settings.New.Peer).dialer(p.log)
	if err != nil {
		return "", err
	}
	association, err := dialer.Dial(ctx, usualObjects)
	if err != nil {
		return "", r.explain(&bridge.PeerError{Peer: "new", AE: r.settings.New.AETitle, Err: err})
	}
	var taken, refused, elsewhere []string
	for _, want := range usualObjects {
		name := uid.Name(want.SOPClass)
		if _, ok := association.Context(want.SOPClass, want.TransferSyntaxes[0]); ok {
			taken = append(taken, name)
		} else if instead := r.fallback(want.SOPClass); instead != "" {
			elsewhere = append(elsewhere, name+" ("+instead+")")
		} else {
			refused = append(refused, name+" in "+uid.Name(want.TransferSyntaxes[0]))
		}
	}
	if err := association.Release(ctx); err != nil {
		r.log.Debug("release", "error", err)
	}
	if len(refused) > 0 {
		return "", withHint(fmt.Errorf("it refuses %s", strings.Join(refused, ", ")), "have these SOP classes and transfer syntaxes allowed at the new PACS for "+r.settings.Node.AETitle)
	}
	if len(elsewhere) > 0 {
		return fmt.Sprintf("%s; not %s", strings.Join(taken, ", "), strings.Join(elsewhere, ", ")), nil
	}
	return strings.Join(taken, ", "), nil
}

// tryCommitment asks whether the new PACS offers storage commitment. Nothing is
// requested of it: that would be about an object.
func (r *rig) tryCommitment(ctx context.Context, p *program) (string, error) {
	association, err := peerOf("new", r.settings, r.settings.New.Peer).dial(ctx, p.log, uid.StorageCommitment)
	if err != nil {
		return "", err
	}
	offered := len(association.Accepted(uid.StorageCommitment)) > 0
	if err := association.Release(ctx); err != nil {
		r.log.Debug("release", "error", err)
	}
	if !offered {
		return "", r.explain(&bridge.PeerError{Peer: "new", AE: r.settings.New.AETitle,
			Err: &bridge.NoCommitmentError{Err: &dimse.NoContextError{SOPClass: uid.StorageCommitment}}})
	}
	return "Storage Commitment Push Model; its answers come to " + r.settings.Node.Listen + " where it opens an association for them", nil
}

func tryStore(ctx context.Context, store fetch.Store) error {
	stores, err := fetch.Open([]fetch.Store{store})
	if err != nil {
		return withHint(err, "see legacy.stores")
	}
	return withHint(stores.Check(ctx, store.Name), "see legacy.stores; the folder must exist and be readable")
}

func printFindings(w io.Writer, findings []finding, asJSON bool) error {
	if asJSON {
		return printJSON(w, findings)
	}
	for _, f := range findings {
		mark := "ok   "
		if !f.OK {
			mark = "FAIL "
		}
		fmt.Fprintf(w, "%s %s: %s\n", mark, f.Check, printable(f.Detail))
		if f.Hint != "" {
			fmt.Fprintf(w, "      hint: %s\n", f.Hint)
		}
	}
	return nil
}
