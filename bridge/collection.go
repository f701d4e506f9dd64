package bridge

import (
	"slices"

	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// Collection is one study with all that belongs to it: the instances OLD lists,
// the legacy records, the attachments. Its items are the ledger's rows; the steps
// of the journey change them, and the logbook takes them to the ledger.
type Collection struct {
	Study staging.Study
	items []*staging.Item

	identity nondicom.Identity // of patient and study; known when it was composed
	places   map[string]int    // of records and attachments, by kind and UID; made when first asked for

	counted int       // instances that OLD counts, where it lists fewer
	byCount bool      // OLD lists no instances at all: what arrives is what there is
	open    bool      // OLD cuts its list short and counts no more: only success with the whole study says that all has come
	others  []Arrival // of UIDs that NEW has stored with another content, to be put aside

	doubles map[*staging.Item]*staging.Item // attachments that stand at NEW as the object of another
}

// NewCollection gathers the items the ledger holds of a study.
func NewCollection(study staging.Study, items []staging.Item) *Collection {
	c := &Collection{Study: study}
	for _, it := range items {
		c.items = append(c.items, &it)
	}
	return c
}

// List adds the instances that OLD lists. Instances of an earlier listing that
// OLD lists no more stay: they are asked for, and their absence is told.
func (c *Collection) List(listed []Listed) {
	known := map[string]bool{}
	for _, it := range c.Instances() {
		known[it.UID] = true
	}
	for _, l := range listed {
		if !known[l.UID] {
			c.items = append(c.items, &staging.Item{Kind: staging.Instance, UID: l.UID, ObjectUID: l.UID,
				SeriesUID: l.SeriesUID, SOPClass: l.SOPClass, State: staging.ItemPending})
		}
	}
}

// Instances returns the images and other objects that OLD lists of the study.
func (c *Collection) Instances() []*staging.Item { return c.kind(staging.Instance) }

// Records returns the legacy records of the study.
func (c *Collection) Records() []*staging.Item { return c.kind(staging.Record) }

// Attachments returns the documents, photographs and videos that the old system keeps
// of the study.
func (c *Collection) Attachments() []*staging.Item {
	return slices.DeleteFunc(c.kind(staging.Attachment), isDrawing)
}

// Items returns copies of all items, as the ledger takes them.
func (c *Collection) Items() []staging.Item {
	items := make([]staging.Item, 0, len(c.items))
	for _, it := range c.items {
		items = append(items, *it)
	}
	return items
}

// travelling returns the items that stand, or will stand, at their target as
// something of their own: at NEW as objects, or in its archive.
func (c *Collection) travelling() []*staging.Item {
	var some []*staging.Item
	for _, it := range c.items {
		if it.State != staging.ItemSkipped && c.doubles[it] == nil {
			some = append(some, it)
		}
	}
	return some
}

func (c *Collection) kind(kind staging.ItemKind) []*staging.Item {
	var some []*staging.Item
	for _, it := range c.items {
		if it.Kind == kind {
			some = append(some, it)
		}
	}
	return some
}

// missing returns the UIDs of listed instances that have not been received.
func (c *Collection) missing() []string { return missing(c.Instances()) }

func missing(items []*staging.Item) []string {
	var uids []string
	for _, it := range items {
		if !it.Received {
			uids = append(uids, it.UID)
		}
	}
	return uids
}

// asked returns the UIDs that a selection names and that are not in the spool yet.
func (c *Collection) asked(s Selection) []string {
	if len(s.Instances) > 0 {
		return s.Instances
	}
	var uids []string
	for _, it := range c.Instances() {
		if !it.Received && (s.SeriesUID == "" || s.SeriesUID == it.SeriesUID) {
			uids = append(uids, it.UID)
		}
	}
	return uids
}

// classes returns the SOP classes of what a selection names, as far as they are listed.
func (c *Collection) classes(s Selection) []string {
	asked := map[string]bool{}
	for _, uid := range c.asked(s) {
		asked[uid] = true
	}
	var classes []string
	for _, it := range c.Instances() {
		if asked[it.UID] && it.SOPClass != "" && !slices.Contains(classes, it.SOPClass) {
			classes = append(classes, it.SOPClass)
		}
	}
	return classes
}

// short reports whether OLD may have more instances than the collection holds.
func (c *Collection) short() bool { return c.open || len(c.Instances()) < c.counted }

// series is the part of a collection that one series makes.
type series struct {
	uid   string
	items []*staging.Item
}

func (s series) missing() []string { return missing(s.items) }

// series returns the collection's instances by series, in the order of listing.
func (c *Collection) series() []series {
	var all []series
	at := map[string]int{}
	for _, it := range c.Instances() {
		n, known := at[it.SeriesUID]
		if !known {
			n = len(all)
			at[it.SeriesUID] = n
			all = append(all, series{uid: it.SeriesUID})
		}
		all[n].items = append(all[n].items, it)
	}
	return all
}
