package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"pacsbridge/dimse/dataset"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Files fetches attachments from where the old system keeps them.
type Files interface {
	Fetch(ctx context.Context, location string) (*fetch.File, error)
}

// Composer makes the non-DICOM part of a collection into DICOM objects of the
// same study, in the spool, ready to be delivered with the images.
type Composer struct {
	Files   Files
	Spool   *spool.Spool
	Reports bool // a record becomes a Basic Text SR; without it, and without Archive, records stay behind, and say so
	Archive bool // records and attachments go into the new system's archive
	NoDICOM bool // and nowhere else: nothing is made into objects
	Draw    bool // beside its Basic Text SR, a text becomes a PDF document

	Rules Rules // what they change of patient and study, they change in what is made here

	RefusedPDF Fallback // what becomes of a PDF where NEW takes no Encapsulated PDF; fails when empty
	Refused    Fallback // and of other objects of ours whose kind NEW does not take
}

// AttachmentError tells that attachments of a study could not be made ready. Each
// one's own reason stands in its item.
type AttachmentError struct {
	Keys  []string
	First error
}

func (e *AttachmentError) Error() string {
	if len(e.Keys) == 1 {
		return fmt.Sprintf("attachment %s: %v", e.Keys[0], e.First)
	}
	return fmt.Sprintf("%d attachments, the first of them %s: %v", len(e.Keys), e.Keys[0], e.First)
}

// Unwrap returns why the first one failed.
func (e *AttachmentError) Unwrap() error { return e.First }

// Compose makes the objects of all records and attachments of a collection whose
// images are in the spool. What fails is noted in its item, and the others go on.
func (k *Composer) Compose(ctx context.Context, c *Collection) error {
	if len(c.Records())+len(c.Attachments()) == 0 {
		return nil
	}
	id, err := k.identity(c)
	if err != nil {
		return err
	}
	c.identity = id
	c.setDrawingsAside()
	for _, it := range c.Records() {
		if err := k.record(c, id, it); err != nil {
			return fmt.Errorf("record %s: %w", it.UID, err)
		}
	}
	var failed AttachmentError
	for _, it := range c.Attachments() {
		err := k.attachment(ctx, c, id, it)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			f := classify(err)
			it.State, it.Class, it.Reason, it.Received = staging.ItemFailed, f.Class, f.Reason, false
			failed.Keys = append(failed.Keys, it.UID)
			if failed.First == nil {
				failed.First = err
			}
		}
	}
	if failed.First != nil {
		return &failed
	}
	return nil
}

// identity is the patient's and the study's: that of the images where there are
// any, so that no object of ours gives the study a second one, else the record's.
func (k *Composer) identity(c *Collection) (nondicom.Identity, error) {
	var unreadable error
	for _, it := range c.Instances() {
		header, err := k.header(c, it)
		if err == nil {
			if header, err = k.Rules.amendHeader(header, k.Rules.scene(c.Study, it)); err != nil {
				return nondicom.Identity{}, err
			}
			return nondicom.IdentityOf(header), nil
		}
		unreadable = err
	}
	if unreadable != nil {
		return nondicom.Identity{}, fmt.Errorf("no instance tells patient and study: %w", unreadable)
	}
	if records := c.Records(); len(records) > 0 {
		held, err := recordOf(records[0])
		if err != nil {
			return nondicom.Identity{}, err
		}
		return k.Rules.amendIdentity(nondicom.IdentityFromRecord(held.Record, c.Study.UID), c.Study)
	}
	return nondicom.Identity{}, fmt.Errorf("study %s has neither images nor a record to take the patient's identity from", c.Study.UID)
}

// headerLimit bounds what is read of an image to learn its patient and study: private
// elements before them may be megabytes long.
const headerLimit = 16 << 20

// header reads the attributes of patient and study, which all stand before
// Series Number.
func (k *Composer) header(c *Collection, it *staging.Item) (*dataset.Dataset, error) {
	data, _, err := k.Spool.Open(c.Study.UID, it.UID)
	if err != nil {
		return nil, fmt.Errorf("open instance %s in the spool: %w", it.UID, err)
	}
	defer data.Close()
	header, err := dataset.ReadHeader(data, it.TransferSyntax, dataset.SeriesNumber, headerLimit)
	if err != nil {
		return nil, fmt.Errorf("read the header of instance %s: %w", it.UID, err)
	}
	return header, nil
}

func recordOf(it *staging.Item) (heldRecord, error) {
	var held heldRecord
	if err := json.Unmarshal(it.Payload, &held); err != nil {
		return held, fmt.Errorf("decode the staged record %s: %w", it.UID, err)
	}
	return held, nil
}

func (k *Composer) record(c *Collection, id nondicom.Identity, it *staging.Item) error {
	if !k.Reports && !k.Archive {
		it.State, it.Reason = staging.ItemSkipped, "nondicom.records is none: records are not made into objects"
		return nil
	}
	held, err := recordOf(it)
	if err != nil {
		return err
	}
	if k.NoDICOM || !k.Reports {
		digest, err := held.Digest()
		onlyArchived(c, it, digest, "")
		return err
	}
	held.Number = c.place(it)
	object, err := nondicom.ReportOfRecord(id, held.Record)
	if err != nil {
		return err
	}
	blob, err := k.keep(c.Study.UID, object)
	if err != nil {
		return err
	}
	k.made(it, object)
	it.Bytes, it.SHA256 = blob.Size, blob.SHA256
	return k.draw(c, it, func() (*nondicom.Drawing, error) { return nondicom.DrawRecord(id, held.Record, object) })
}

// attachment fetches the file into the spool, so that its digest is known before
// the object's UID is derived from it, and makes the object from there.
func (k *Composer) attachment(ctx context.Context, c *Collection, id nondicom.Identity, it *staging.Item) error {
	a, err := attachmentOf(it)
	if err != nil {
		return err
	}
	name := sourceName(it)
	file, err := k.fetch(ctx, c.Study.UID, name, a)
	if err != nil {
		return err
	}
	it.Bytes, it.SHA256 = file.Size, file.SHA256
	if k.NoDICOM {
		onlyArchived(c, it, file.SHA256, "")
		return nil
	}
	if !k.keepsSources() {
		defer k.Spool.Remove(c.Study.UID, name)
	}
	err = k.object(c, id, it, a)
	if k.Archive && as[*nondicom.UnsupportedError](err) {
		onlyArchived(c, it, file.SHA256, err.Error())
		return nil
	}
	return err
}

// object makes the object of an attachment whose file is in the spool.
func (k *Composer) object(c *Collection, id nondicom.Identity, it *staging.Item, a nondicom.Attachment) error {
	content, _, err := k.Spool.Open(c.Study.UID, sourceName(it))
	if err != nil {
		return fmt.Errorf("open attachment %s in the spool: %w", it.UID, err)
	}
	defer content.Close()
	a.Number = c.place(it)
	object, err := nondicom.ObjectOfAttachment(id, a, content, it.Bytes, it.SHA256)
	if err != nil {
		return err
	}
	if first := c.same(it, a); first != nil {
		c.double(it, first)
		k.due(it)
		return nil
	}
	if _, err := k.keep(c.Study.UID, object); err != nil {
		return err
	}
	k.made(it, object)
	return k.drawText(c, it, a, object)
}

// sourceName is the name of an attachment's file in the spool.
func sourceName(it *staging.Item) string { return "attachment " + it.UID }

// attachmentOf is the attachment of an item. Its key is that of the item, which no other
// file of the study has.
func attachmentOf(it *staging.Item) (nondicom.Attachment, error) {
	var a nondicom.Attachment
	if err := json.Unmarshal(it.Payload, &a); err != nil {
		return a, fmt.Errorf("decode the staged attachment %s: %w", it.UID, err)
	}
	a.Key = it.UID
	return a, nil
}

func (k *Composer) fetch(ctx context.Context, studyUID, name string, a nondicom.Attachment) (spool.Blob, error) {
	file, err := k.Files.Fetch(ctx, a.Location)
	if err != nil {
		return spool.Blob{}, err
	}
	defer file.Close()
	return write(k.Spool, studyUID, name, file.Expect(fetch.Want{Size: a.Size, SHA256: a.SHA256, MD5: a.MD5}))
}

// keep writes an object of ours to the spool under its own UID.
func (k *Composer) keep(studyUID string, object *nondicom.Object) (spool.Blob, error) {
	blob, err := write(k.Spool, studyUID, object.SOPInstance, object.Reader())
	if err != nil {
		return blob, fmt.Errorf("make object %s: %w", object.SOPInstance, err)
	}
	return blob, nil
}

// write puts a whole stream into the spool, in place of what stood there.
func write(s *spool.Spool, group, name string, from io.Reader) (spool.Blob, error) {
	s.Remove(group, name)
	w, err := s.Create(group, name)
	if err != nil {
		return spool.Blob{}, err
	}
	if _, err := io.Copy(w, from); err != nil {
		w.Abort()
		return spool.Blob{}, err
	}
	return w.Commit()
}

// made notes in an item which object it has become.
func (k *Composer) made(it *staging.Item, object *nondicom.Object) {
	it.ObjectUID, it.SeriesUID = object.SOPInstance, object.SeriesUID
	it.SOPClass, it.TransferSyntax = object.SOPClass, object.TransferSyntax
	it.State, it.Class, it.Reason, it.Received = staging.ItemPending, "", "", true
	k.due(it)
}

// due notes in an item whether it has to go into the archive too.
func (k *Composer) due(it *staging.Item) {
	if it.Archive = ""; k.Archive {
		it.Archive = archiveDue
	}
}
