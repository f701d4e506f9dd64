package main

import (
	"context"
	"fmt"
	"slices"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom/archive"
	"pacsbridge/staging/spool"
)

// sendsToArchive tells whether records and attachments go into the new system's
// own archive.
func sendsToArchive(s *conf.Settings) bool {
	return slices.Contains(s.Nondicom.Deliver, conf.DeliverArchive)
}

// openArchive prepares the archive; nil where nothing goes there. It calls on
// nobody.
func openArchive(s *conf.Settings) (*archive.Archive, error) {
	if !sendsToArchive(s) {
		return nil, nil
	}
	to := s.Nondicom.Archive
	var tables []archive.Table
	for _, t := range to.Tables {
		tables = append(tables, archive.Table{Of: archive.Level(t.Of), Table: t.Table, Key: t.Key, Columns: t.Columns, Parent: t.Parent})
	}
	a, err := archive.Open(archive.Options{URL: to.URL.Reveal(), Store: to.Store.Reveal(), Compress: to.Compress == "zstd", Encrypt: to.Encrypt, Tables: tables})
	if err != nil {
		return nil, withHint(fmt.Errorf("open the archive: %w", err), "see nondicom.archive")
	}
	return a, nil
}

// tryArchive looks at the archive's tables, making them where they are ours, and
// puts a file into its store.
func tryArchive(ctx context.Context, s *conf.Settings) error {
	a, err := openArchive(s)
	if err != nil {
		return err
	}
	defer a.Close(context.WithoutCancel(ctx))
	return withHint(a.Check(ctx), "see nondicom.archive; its user must be able to write into the tables (and to create them, where none are mapped), and into the store")
}

// keeper brings things into the archive; nil where nothing goes there. Without a
// spool it only looks what is there.
func (r *rig) keeper(from *spool.Spool) *bridge.Keeper {
	if r.archive == nil {
		return nil
	}
	return &bridge.Keeper{Vault: r.archive, Spool: from}
}

// newComposer makes of records and attachments what the settings say.
func (e *engine) newComposer() *bridge.Composer {
	n := e.settings.Nondicom
	return &bridge.Composer{Files: e.stores, Spool: e.spool, Reports: n.Records == conf.RecordsSR,
		Archive: sendsToArchive(e.settings), NoDICOM: !slices.Contains(n.Deliver, conf.DeliverDICOM),
		Draw: n.Texts == conf.TextsBoth, Rules: e.rules,
		RefusedPDF: bridge.Fallback(n.PDFRefused), Refused: bridge.Fallback(n.Refused)}
}

// fallback says what becomes of objects made here of a class that the new PACS does
// not take; empty: their studies fail.
func (r *rig) fallback(class string) string {
	n := r.settings.Nondicom
	how := n.Refused
	switch {
	case class == uid.CTImageStorage:
		return ""
	case !slices.Contains(n.Deliver, conf.DeliverDICOM):
		return "none is made"
	case class == uid.EncapsulatedPDF:
		how = n.PDFRefused
	}
	return map[conf.Fallback]string{conf.FallbackArchive: "into the archive alone", conf.FallbackPages: "their pages as pictures"}[how]
}
