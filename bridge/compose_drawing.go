package bridge

import (
	"encoding/json"
	"errors"
	"fmt"

	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// drawing is the payload of an attachment that is made here: a text that stands at NEW
// as a report is drawn as a document beside it. It is an item of its own, since it has
// an object of its own, which is counted, delivered and proven like any other. It does
// not go into the archive, where the text itself stands.
type drawing struct {
	DrawnOf staging.ItemKind `json:"drawn_of"` // a record or an attachment
	Of      string           `json:"of"`       // its key
	Title   string           `json:"title"`
}

// isDrawing reports whether an item is a drawn text.
func isDrawing(it *staging.Item) bool {
	var d drawing
	return it.Kind == staging.Attachment && json.Unmarshal(it.Payload, &d) == nil && d.DrawnOf != ""
}

// drawings are the drawn texts of a collection.
func (c *Collection) drawings() []*staging.Item {
	var some []*staging.Item
	for _, it := range c.kind(staging.Attachment) {
		if isDrawing(it) {
			some = append(some, it)
		}
	}
	return some
}

// setDrawingsAside lets the drawings of earlier attempts stand nowhere, until they
// are made again: the text may be another now, and so may the settings.
func (c *Collection) setDrawingsAside() {
	for _, it := range c.drawings() {
		setAside(it, "no document is drawn of this text now")
	}
}

func setAside(it *staging.Item, why string) {
	it.State, it.Class, it.Reason = staging.ItemSkipped, "", why
}

// drawn is the item of the drawing of a text; it is made where there is none.
func (c *Collection) drawn(of *staging.Item, title string) (*staging.Item, error) {
	name := fmt.Sprintf("%s %s as PDF", of.Kind, of.UID)
	made, err := item(staging.Attachment, name, drawing{DrawnOf: of.Kind, Of: of.UID, Title: title})
	if err != nil {
		return nil, err
	}
	for _, it := range c.drawings() {
		if it.UID == name {
			it.Payload = made.Payload
			return it, nil
		}
	}
	c.items = append(c.items, &made)
	return &made, nil
}

// draw makes the drawing of a text whose report is made. Where the text cannot be
// drawn without loss the report stands alone, and says so.
func (k *Composer) draw(c *Collection, of *staging.Item, drawOf func() (*nondicom.Drawing, error)) error {
	if !k.Draw {
		return nil
	}
	drawn, err := drawOf()
	var undrawable *nondicom.UndrawableError
	if errors.As(err, &undrawable) {
		of.Warning = remark(of.Warning, undrawable.Error()+": it stands in its report alone")
		return nil
	}
	if err != nil || drawn == nil {
		return err
	}
	it, err := c.drawn(of, drawn.Title)
	if err != nil {
		return err
	}
	if _, err := k.keep(c.Study.UID, drawn.Object); err != nil {
		return err
	}
	k.made(it, drawn.Object)
	it.Bytes, it.SHA256, it.Archive = drawn.Bytes, drawn.SHA256, ""
	return nil
}

// drawText makes the drawing of an attachment that is a text and has become a report.
func (k *Composer) drawText(c *Collection, of *staging.Item, a nondicom.Attachment, report *nondicom.Object) error {
	if report.SOPClass != uid.BasicTextSR {
		return nil
	}
	return k.draw(c, of, func() (*nondicom.Drawing, error) {
		text, _, err := k.Spool.Open(c.Study.UID, sourceName(of))
		if err != nil {
			return nil, fmt.Errorf("open attachment %s in the spool: %w", of.UID, err)
		}
		defer text.Close()
		return nondicom.DrawText(c.identity, a, text, of.Bytes, of.SHA256, report)
	})
}
