package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"

	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/archive"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Vault is the new system's own archive.
type Vault interface {
	// Put brings a study's rows and files there, and returns the names of its
	// attachments' files by their keys.
	Put(ctx context.Context, s *archive.Study) (map[string]string, error)
	// Holds looks which of a study's records and attachments are there, and
	// returns the UIDs of their objects.
	Holds(ctx context.Context, s *archive.Study) (map[string]bool, error)
}

// Keeper brings records and attachments into the archive and proves that they
// are there. A nil Keeper has no archive: it does nothing and takes everything
// as it is.
type Keeper struct {
	Vault Vault
	Spool *spool.Spool // nil where nothing is to be brought, only proven
}

// What the ledger notes of an item in the archive: it has to go there; and of a
// record that it stands in its row. An attachment has the name of its file.
const (
	archiveDue = "due"
	archiveRow = "row"
)

// Keep brings what is due of a collection into the archive: all of it, since a
// study's rows and files go there together. Doing it again changes nothing.
func (k *Keeper) Keep(ctx context.Context, c *Collection, notes *logbook) error {
	kept := c.kept()
	if k == nil || len(kept) == 0 {
		return nil
	}
	study, err := k.study(c)
	if err != nil {
		return err
	}
	names, err := k.Vault.Put(ctx, study)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	for _, it := range kept {
		it.Archive = archiveRow
		if it.Kind == staging.Attachment {
			it.Archive = names[it.UID]
		}
		it.Stored = true
	}
	return notes.note(ctx, c.Items)
}

// standing is what of a collection stands at its target, given what NEW lists:
// without what should be in the archive and is not, and with what is there and
// nowhere else.
func (k *Keeper) standing(ctx context.Context, c *Collection, listed []Listed) ([]Listed, error) {
	kept := c.kept()
	if k == nil || len(kept) == 0 {
		return listed, nil
	}
	study, err := k.study(c)
	if err != nil {
		return nil, err
	}
	held, err := k.Vault.Holds(ctx, study)
	if err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	var standing []Listed
	for _, it := range kept {
		switch {
		case !held[it.ObjectUID]:
			missing[it.ObjectUID] = true
		case archiveOnly(it):
			standing = append(standing, Listed{UID: it.ObjectUID, SeriesUID: it.SeriesUID})
		}
	}
	for _, l := range listed {
		if !missing[l.UID] {
			standing = append(standing, l)
		}
	}
	return standing, nil
}

// kept are the records and attachments that go into the archive.
func (c *Collection) kept() []*staging.Item {
	var kept []*staging.Item
	for _, it := range c.items { // with those that stand at NEW as the object of another
		if it.State != staging.ItemSkipped && it.Archive != "" && it.ObjectUID != "" {
			kept = append(kept, it)
		}
	}
	return kept
}

// toStore returns the items that stand, or will stand, at NEW as objects.
func (c *Collection) toStore() []*staging.Item {
	var objects []*staging.Item
	for _, it := range c.travelling() {
		if !archiveOnly(it) {
			objects = append(objects, it)
		}
	}
	return objects
}

// archiveOnly reports whether an item goes into the archive and nowhere else.
func archiveOnly(it *staging.Item) bool { return it.Archive != "" && it.SOPClass == "" }

// onlyArchived notes in an item that it goes into the archive alone, and why.
// It has a place in the hierarchy there, and so UIDs of its own.
func onlyArchived(c *Collection, it *staging.Item, digest, why string) {
	it.ObjectUID = uid.Derive("pacsbridge", "archive", c.Study.UID, string(it.Kind), it.UID, digest)
	it.SeriesUID = uid.Derive("series", c.Study.UID, "archive")
	it.SOPClass, it.TransferSyntax, it.SHA256, it.Archive = "", "", digest, archiveDue
	it.State, it.Class, it.Reason, it.Received = staging.ItemPending, "", "", true
	if why != "" {
		it.Warning = remark(it.Warning, "archive only: "+why)
	}
}

// study describes a collection to the archive.
func (k *Keeper) study(c *Collection) (*archive.Study, error) {
	s := &archive.Study{UID: c.Study.UID, Key: c.Study.Key, Modalities: c.Study.Modalities, Department: c.Study.Department, Identity: c.identity}
	for _, it := range c.travelling() {
		if it.Kind != staging.Instance && it.Archive == "" {
			continue
		}
		s.Objects = append(s.Objects, archive.Object{UID: it.ObjectUID, SeriesUID: it.SeriesUID, Kind: string(it.Kind), SOPClass: it.SOPClass,
			TransferSyntax: it.TransferSyntax, Bytes: it.Bytes, SHA256: it.SHA256})
	}
	for _, it := range c.kept() {
		if it.Kind == staging.Record {
			held, err := recordOf(it)
			if err != nil {
				return nil, err
			}
			s.Records = append(s.Records, archive.Record{Record: held.Record, ObjectUID: it.ObjectUID, Version: c.place(it)})
			continue
		}
		a, err := attachmentOf(it)
		if err != nil {
			return nil, err
		}
		s.Attachments = append(s.Attachments, archive.Attachment{Attachment: a, ObjectUID: it.ObjectUID, Version: c.place(it),
			Kind: k.kind(c, it), Bytes: it.Bytes, Digest: it.SHA256, Open: func() (io.ReadCloser, error) { return k.open(c, it) }})
	}
	return s, nil
}

// open opens an attachment's file in the spool.
func (k *Keeper) open(c *Collection, it *staging.Item) (io.ReadCloser, error) {
	content, _, err := k.Spool.Open(c.Study.UID, sourceName(it))
	if err != nil {
		return nil, fmt.Errorf("open attachment %s in the spool: %w", it.UID, err)
	}
	return content, nil
}

// kind is the media type of an attachment's content; empty where that is not at
// hand.
func (k *Keeper) kind(c *Collection, it *staging.Item) string {
	if k.Spool == nil {
		return ""
	}
	content, err := k.open(c, it)
	if err != nil {
		return ""
	}
	defer content.Close()
	head := make([]byte, nondicom.KindLength)
	n, err := io.ReadFull(content, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return ""
	}
	return nondicom.Kind(head[:n])
}

// archiveAway fits errors of an archive whose database or store is away or busy.
func archiveAway(err error) bool {
	var failed *archive.Error
	return errors.As(err, &failed) && failed.Temporary()
}
