package bridge

import (
	"context"
	"errors"
	"fmt"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// Fallback is what becomes of an object of ours that NEW does not take: because
// it accepts no presentation context for its SOP class and transfer syntax, or
// answers that it does not support the SOP class.
type Fallback string

// The fallbacks.
const (
	FallbackFail    Fallback = "fail"
	FallbackArchive Fallback = "archive" // it goes into the new system's archive alone
	FallbackPages   Fallback = "pages"   // of a PDF: its pages as pictures; a drawn text is left out
)

// deliver sends a collection. What NEW does not take for its kind falls back to
// what the settings say, and the rest is sent; a fallback may fall back in turn.
func (m *Migrator) deliver(ctx context.Context, c *Collection, notes *logbook) error {
	for {
		err := m.Deliver.Deliver(ctx, c, notes)
		var refused *DeliveryError
		if !errors.As(err, &refused) || ctx.Err() != nil {
			return err
		}
		fellBack, other := m.Compose.fallBack(ctx, c, refused.Reasons)
		if other != nil {
			return other
		}
		if !fellBack {
			return err
		}
		if err := notes.note(ctx, c.Items); err != nil {
			return err
		}
	}
}

// fallBack makes something else of the objects that NEW does not take, as far as
// the settings name something. It reports whether it did so for any.
func (k *Composer) fallBack(ctx context.Context, c *Collection, reasons map[string]error) (bool, error) {
	fell := false
	for _, it := range c.toStore() {
		reason := reasons[it.ObjectUID]
		if it.Kind == staging.Instance || reason == nil || !ofKind(reason) {
			continue
		}
		name := uid.Name(it.SOPClass)
		fallback := k.Refused
		if it.SOPClass == uid.EncapsulatedPDF {
			fallback = k.RefusedPDF
		}
		switch {
		case isDrawing(it) && (fallback == FallbackPages || fallback == FallbackArchive):
			setAside(it, "the new PACS does not take "+name+": the text stands there as its report alone")
		case fallback == FallbackArchive && k.Archive:
			onlyArchived(c, it, it.SHA256, "the new PACS does not take "+name)
		case fallback == FallbackPages && it.SOPClass == uid.EncapsulatedPDF:
			if err := k.pages(ctx, c, it); err != nil {
				return fell, fmt.Errorf("attachment %s, which the new PACS does not take as %s: %w", it.UID, name, err)
			}
		default:
			continue
		}
		k.followed(c, it)
		fell = true
	}
	return fell, nil
}

// followed lets attachments that stand as the object of another stand as what
// that has become.
func (k *Composer) followed(c *Collection, first *staging.Item) {
	for it, of := range c.doubles {
		if of == first {
			c.double(it, first)
			k.due(it)
		}
	}
}

// ofKind fits refusals that mean what an object is, and not this one.
func ofKind(err error) bool {
	return as[*dimse.NoContextError](err) || answered(func(s dimse.Status) bool { return s == dimse.StatusSOPClassNotSupported })(err)
}

// pages makes the pages of a PDF the object of its attachment.
func (k *Composer) pages(ctx context.Context, c *Collection, it *staging.Item) error {
	a, err := attachmentOf(it)
	if err != nil {
		return err
	}
	a.Number = c.place(it)
	content, _, err := k.Spool.Open(c.Study.UID, sourceName(it))
	if err != nil {
		return fmt.Errorf("open its file in the spool: %w", err)
	}
	defer content.Close()
	drawn, err := nondicom.PagesOfPDF(ctx, c.identity, a, content, it.SHA256)
	if err != nil {
		return err
	}
	defer drawn.Close()
	if _, err := k.keep(c.Study.UID, drawn.Object); err != nil {
		return err
	}
	k.made(it, drawn.Object)
	it.Warning = remark(it.Warning, "the new PACS does not take Encapsulated PDF: its pages are there as pictures, the document is not")
	return nil
}

// keepsSources reports whether the files that objects are made of are needed
// after that.
func (k *Composer) keepsSources() bool { return k.Archive || k.RefusedPDF == FallbackPages }
