package bridge

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
)

// encapsulated are the storage classes of documents that stand in them untouched.
const encapsulated = "1.2.840.10008.5.1.4.1.1.104."

// carried reports whether the object of an attachment holds its file as it was: a
// document, or a compressed picture or film. Others hold its pixels, or its text.
func carried(it *staging.Item) bool {
	return strings.HasPrefix(it.SOPClass, encapsulated) || it.TransferSyntax != uid.ExplicitLE
}

// remade makes the object of an attachment again, from the file that the old system
// still has, and tells the least difference of what NEW sends; nil where it cannot be
// made.
func (k *Contents) remade(ctx context.Context, c *Collection, it *staging.Item, v *viewing) *changes {
	a, err := attachmentOf(it)
	if k.Files == nil || err != nil {
		return nil
	}
	a.Number = c.place(it)
	file, err := k.source(ctx, it, a)
	if err != nil {
		return nil
	}
	defer func() { _ = errors.Join(file.Close(), os.Remove(file.Name())) }()
	return leastChanges(k.identitiesOf(c, v), v.seen[it.ObjectUID], func(id nondicom.Identity) (*fingerprint, error) {
		return remake(ctx, id, a, it, file)
	})
}

// source fetches the file of an attachment, if it is still the one that was migrated.
func (k *Contents) source(ctx context.Context, it *staging.Item, a nondicom.Attachment) (*os.File, error) {
	from, err := k.Files.Fetch(ctx, a.Location)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	file, err := os.CreateTemp("", "pacsbridge-deep-*")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(file, from.Expect(fetch.Want{Size: it.Bytes, SHA256: it.SHA256})); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return file, nil
}

// identitiesOf are those that the images of the study show, or that of its record.
func (k *Contents) identitiesOf(c *Collection, v *viewing) []nondicom.Identity {
	var identities []nondicom.Identity
	for id := range v.identities {
		identities = append(identities, id)
	}
	for _, it := range c.Records() {
		if held, err := recordOf(it); err == nil && len(identities) == 0 {
			identities = append(identities, k.identity(c, held))
		}
	}
	return identities
}

// remake makes the object of a file: of a PDF its pages, since that is what stands at NEW.
func remake(ctx context.Context, id nondicom.Identity, a nondicom.Attachment, it *staging.Item, file *os.File) (*fingerprint, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	object, err := nondicom.ObjectOfAttachment(id, a, file, it.Bytes, it.SHA256)
	if err != nil {
		return nil, err
	}
	if object.SOPClass == uid.EncapsulatedPDF {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		pages, err := nondicom.PagesOfPDF(ctx, id, a, file, it.SHA256)
		if err != nil {
			return nil, err
		}
		defer pages.Close()
		object = pages.Object
	}
	return takeFingerprint(object.Reader(), object.TransferSyntax, 0)
}
