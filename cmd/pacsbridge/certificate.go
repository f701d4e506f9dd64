package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"pacsbridge/bridge"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// certificateFlags are what the certificate command is asked.
type certificateFlags struct {
	format, out           string
	issued, check, asJSON bool
}

func newCertificateCommand(p *program) *cobra.Command {
	var flags certificateFlags
	command := &cobra.Command{
		Use:   "certificate {STUDYUID | --check [FILE…]}",
		Short: "Certify that a study has arrived whole, for auditors",
		Long: "Ask the new PACS once more what it holds of a migrated study and certify each object with its digest.\n" +
			"Every certificate names the SHA-256 of the one before: no one can be changed or taken away unnoticed.\n" +
			"The digest of a certificate is that of its JSON file (sha256sum). A study that is not whole gets none\n" +
			"and exit code 3. --check tells whether files are links of the chain, and without files whether the\n" +
			"whole chain of the ledger holds; exit code 3 when it does not.",
		RunE: func(command *cobra.Command, args []string) error {
			if flags.check {
				return p.checkCertificates(command.Context(), args, flags.asJSON)
			}
			if err := flags.usable(args); err != nil {
				return err
			}
			issued, err := p.certify(command.Context(), args[0], flags.issued)
			if err != nil {
				return err
			}
			return flags.write(p.stdout, issued)
		},
	}
	command.Flags().StringVar(&flags.format, "format", "json", "json or pdf")
	command.Flags().StringVar(&flags.out, "out", "", "file to write to, instead of standard output")
	command.Flags().BoolVar(&flags.issued, "issued", false, "give out again what was issued last for the study, and ask nobody")
	command.Flags().BoolVar(&flags.check, "check", false, "check the chain")
	command.Flags().BoolVar(&flags.asJSON, "json", false, "with --check: print one JSON object")
	return command
}

func (f certificateFlags) usable(args []string) error {
	switch {
	case len(args) != 1:
		return usagef("say which study: certificate STUDYUID")
	case !uid.Opaque(args[0]):
		return usagef("%q is not a UID", args[0])
	case f.format != "json" && f.format != "pdf":
		return usagef("--format %q is neither json nor pdf", f.format)
	case f.format == "pdf" && f.out == "":
		return usagef("--format pdf needs --out FILE")
	}
	return nil
}

func (f certificateFlags) write(stdout io.Writer, issued staging.Certificate) error {
	document := issued.Document
	if f.format == "pdf" {
		c, _, err := bridge.ReadCertificate(issued.Document)
		if err != nil {
			return err
		}
		if document, err = certificatePDF(c, issued.SHA256); err != nil {
			return fmt.Errorf("write certificate %d as PDF: %w", issued.Number, err)
		}
	}
	if f.out == "" {
		_, err := stdout.Write(document)
		return err
	}
	if err := os.WriteFile(f.out, document, 0o644); err != nil {
		return withHint(fmt.Errorf("write certificate %d: %w", issued.Number, err), "it is issued all the same: --issued gives it out again")
	}
	_, err := fmt.Fprintf(stdout, "certificate %d of study %s, SHA-256 %s\n", issued.Number, issued.StudyUID, issued.SHA256)
	return err
}

// certify issues a certificate, or finds the one that was issued last.
func (p *program) certify(ctx context.Context, studyUID string, again bool) (issued staging.Certificate, err error) {
	if again {
		err = p.withLedger(ctx, func(db *staging.DB) error {
			issued, err = db.Certificate(ctx, studyUID)
			return err
		})
	} else {
		err = p.withRig(ctx, func(r *rig) error {
			issued, err = r.registrar().Certify(ctx, studyUID)
			return err
		})
	}
	var refused *bridge.UncertifiedError
	switch {
	case errors.As(err, &refused):
		return issued, withHint(&exitError{exitIncomplete, err}, "pacsbridge verify --study "+studyUID+" tells all that is missing")
	case errors.Is(err, staging.ErrNotFound) && again:
		return issued, withHint(fmt.Errorf("no certificate was issued for study %s", studyUID), "without --issued one is")
	case errors.Is(err, staging.ErrNotFound):
		return issued, fmt.Errorf("the ledger holds no study %s", studyUID)
	}
	return issued, err
}

// registrar issues certificates.
func (r *rig) registrar() *bridge.Registrar {
	return &bridge.Registrar{Books: r.db, New: r.new, Archive: r.keeper(nil), Chain: r.db, OldAE: r.settings.Old.AETitle, NewAE: r.settings.New.AETitle}
}
