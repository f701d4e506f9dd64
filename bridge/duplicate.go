package bridge

import (
	"encoding/json"

	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// same returns an attachment of the study that was made into an object before and
// says and holds the same as this one; nil where there is none.
func (c *Collection) same(it *staging.Item, a nondicom.Attachment) *staging.Item {
	for _, other := range c.Attachments() {
		if other == it {
			return nil // what comes later is measured by this one
		}
		var b nondicom.Attachment
		made := other.Received && other.ObjectUID != "" && c.doubles[other] == nil && other.SHA256 == it.SHA256
		if made && json.Unmarshal(other.Payload, &b) == nil && a.Title == b.Title && a.MIME == b.MIME {
			return other
		}
	}
	return nil
}

// double notes that an attachment stands at NEW as the object of another.
func (c *Collection) double(it, first *staging.Item) {
	if c.doubles == nil {
		c.doubles = map[*staging.Item]*staging.Item{}
	}
	c.doubles[it] = first
	it.ObjectUID, it.SeriesUID, it.SOPClass, it.TransferSyntax = first.ObjectUID, first.SeriesUID, first.SOPClass, first.TransferSyntax
	it.State, it.Class, it.Reason, it.Received = staging.ItemPending, "", "", true
	it.Warning = remark(it.Warning, "duplicate of attachment "+first.UID+": the same content under the same title")
}

// proveDoubles takes attachments as proven whose object was found at NEW.
func (c *Collection) proveDoubles() {
	for it, first := range c.doubles {
		if first.Found && first.State == staging.ItemDone {
			it.Stored, it.Found, it.State = true, true, staging.ItemDone
		}
	}
}
