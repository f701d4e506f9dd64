package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// ContentDiffers: NEW holds the instance, and not with the content that was sent.
const ContentDiffers DifferenceKind = "content-differs"

// Contents compares what NEW sends when it is asked with what was sent to it: the
// digests of the data sets and, where these differ, attribute by attribute and pixel by
// pixel with what OLD sends anew. Archives encode data sets anew when they send them,
// so that another digest alone says nothing.
type Contents struct {
	New      Witness
	Original Witness         // OLD, or a control; asked only for instances whose digest is another
	Desk     *Desk           // where C-MOVE brings instances to
	Files    Files           // of the old system; nil: what attachments became cannot be made again for comparison
	Allowed  map[string]bool // attributes that NEW may change, as in AttributeNames
	Rules    Rules           // what they change of a record's identity, they change in what is made of it
}

// ContentCounts tells how contents agree.
type ContentCounts struct {
	Compared  int `json:"compared"`
	Identical int `json:"identical"` // the same data set, byte for byte
	Equal     int `json:"equal"`     // encoded anew, with the same attributes and pixels
	Allowed   int `json:"allowed"`   // changed in attributes that NEW may change
	Differ    int `json:"differ"`
}

// compare looks at the objects of a collection that NEW lists.
func (k *Contents) compare(ctx context.Context, c *Collection, listed []Listed, n *ContentCounts) ([]Difference, error) {
	wanted := listedItems(c, listed)
	if len(wanted) == 0 {
		return nil, nil
	}
	v := newViewing(c, wanted)
	v.whole = len(wanted) == len(listed)
	last, err := k.look(ctx, k.New, v)
	if err != nil {
		return nil, fmt.Errorf("retrieve study %s from the new PACS: %w", c.Study.UID, err)
	}
	verdicts := map[string]string{}
	doubtful := map[string]*staging.Item{}
	for uid, it := range wanted {
		n.Compared++
		switch f := v.seen[uid]; {
		case f == nil:
			verdicts[uid] = unsent("the new PACS lists it and does not send it", last)
		case f.malformed != nil:
			verdicts[uid] = "the new PACS sends a malformed data set: " + f.malformed.Error()
		case identical(it, f):
			n.Identical++
		case it.Kind == staging.Attachment && carried(it):
			verdicts[uid] = "the content is not that of the source file"
		case it.Kind == staging.Attachment:
			k.judge(uid, k.remade(ctx, c, it, v), n, verdicts)
		case it.Kind == staging.Record:
			k.judge(uid, k.closest(c, it, v), n, verdicts)
		default:
			doubtful[uid] = it
		}
	}
	if err := k.explain(ctx, c, doubtful, v.seen, n, verdicts); err != nil {
		return nil, err
	}
	n.Differ += len(verdicts)
	return inOrder(c, verdicts), nil
}

// explain tells in what the instances differ whose digests do.
func (k *Contents) explain(ctx context.Context, c *Collection, doubtful map[string]*staging.Item, seen map[string]*fingerprint, n *ContentCounts, verdicts map[string]string) error {
	if len(doubtful) == 0 {
		return nil
	}
	originals := newViewing(c, undigested(c, doubtful))
	originals.amend = true
	last, err := k.look(ctx, k.Original, originals)
	if err != nil {
		return fmt.Errorf("retrieve the originals of study %s: %w", c.Study.UID, err)
	}
	for uid := range doubtful {
		original := originals.seen[uid]
		if original == nil || original.malformed != nil {
			verdicts[uid] = unsent("its digest is not that of what was sent, and the original is not to be had for comparison", last)
			continue
		}
		if s := sentOf(doubtful[uid]); s != nil {
			original = s.original(original, seen[uid])
		}
		difference := compareFingerprints(original, seen[uid])
		k.judge(uid, &difference, n, verdicts)
	}
	return nil
}

// judge says what a difference means; nil is one that could not be made out.
func (k *Contents) judge(uid string, difference *changes, n *ContentCounts, verdicts map[string]string) {
	switch {
	case difference == nil:
		verdicts[uid] = "its digest is not that of what was sent, and it cannot be made again for comparison"
	case difference.none():
		n.Equal++
	case difference.only(k.Allowed):
		n.Allowed++
	default:
		verdicts[uid] = difference.String()
	}
}

// look asks a witness for what v wants. last is what it said of instances that did not come.
func (k *Contents) look(ctx context.Context, from Witness, v *viewing) (last, fatal error) {
	if k.Desk != nil {
		defer k.Desk.receive(v)()
	}
	defer v.end()
	return from.fetch(ctx, v.arrivals.studyUID, v)
}

func newViewing(c *Collection, wanted map[string]*staging.Item) *viewing {
	v := &viewing{wanted: wanted, seen: map[string]*fingerprint{},
		arrivals: &Arrivals{studyUID: c.Study.UID, got: map[string]Arrival{}, bell: make(chan struct{}, 1)}}
	if len(c.Records()) > 0 {
		v.identities = map[nondicom.Identity]bool{}
	}
	return v
}

// undigested are the doubtful items as OLD has them, without a digest: what OLD sends
// now is kept for comparison even when it is what was sent before.
func undigested(c *Collection, doubtful map[string]*staging.Item) map[string]*staging.Item {
	items := map[string]*staging.Item{}
	for _, it := range c.Instances() {
		if doubtful[it.ObjectUID] != nil {
			original := *it
			original.SHA256 = ""
			items[it.ObjectUID] = &original
		}
	}
	return items
}

// closest makes the object of a record again, once for each identity that the images of
// the study show, and tells the least difference of what NEW sends; nil where it cannot
// be made.
func (k *Contents) closest(c *Collection, it *staging.Item, v *viewing) *changes {
	held, err := recordOf(it)
	if err != nil {
		return nil
	}
	held.Number = c.place(it)
	identities := slices.Collect(maps.Keys(v.identities))
	if len(identities) == 0 {
		identities = append(identities, k.identity(c, held))
	}
	return leastChanges(identities, v.seen[it.ObjectUID], func(id nondicom.Identity) (*fingerprint, error) {
		object, err := nondicom.ReportOfRecord(id, held.Record)
		if err != nil {
			return nil, err
		}
		return takeFingerprint(object.Reader(), object.TransferSyntax, 0)
	})
}

// identity is the one that objects of a record got where no image tells; without what the
// rules change where they cannot be applied.
func (k *Contents) identity(c *Collection, held heldRecord) nondicom.Identity {
	id := nondicom.IdentityFromRecord(held.Record, c.Study.UID)
	if changed, err := k.Rules.amendIdentity(id, c.Study); err == nil {
		return changed
	}
	return id
}

// leastChanges makes an object once for each identity and tells the least difference of
// what was seen; nil where it cannot be made.
func leastChanges(identities []nondicom.Identity, seen *fingerprint, make func(nondicom.Identity) (*fingerprint, error)) *changes {
	var least *changes
	for _, id := range identities {
		made, err := make(id)
		if err != nil || made.malformed != nil {
			return nil
		}
		difference := compareFingerprints(made, seen)
		if least == nil || len(difference.paths()) < len(least.paths()) {
			least = &difference
		}
	}
	return least
}

// listedItems are the items that NEW lists, by the UID that they have there and in the
// series where it has them.
func listedItems(c *Collection, listed []Listed) map[string]*staging.Item {
	items := map[string]*staging.Item{}
	series := make(map[string]Listed, len(listed))
	for _, l := range listed {
		series[l.UID] = l
	}
	for _, it := range c.travelling() {
		l, there := series[it.ObjectUID]
		if !there || it.ObjectUID == "" {
			continue
		}
		here := *it
		here.SeriesUID = l.SeriesUID
		if here.SOPClass == "" {
			here.SOPClass = l.SOPClass
		}
		items[it.ObjectUID] = &here
	}
	return items
}

// identical reports whether a data set is the one of the ledger, received or sent; of an attachment, whether
// it carries the source file. A byte that makes its length even does not count.
func identical(it *staging.Item, f *fingerprint) bool {
	if it.SHA256 == "" {
		return false
	}
	if it.Kind == staging.Attachment {
		return f.content == it.SHA256 && f.contentBytes-it.Bytes <= 1
	}
	s := sentOf(it)
	return f.SHA256 == amendedDigest(it) || s != nil && f.SHA256 == s.SHA256
}

// inOrder makes differences of verdicts, in the order of the collection's items.
func inOrder(c *Collection, verdicts map[string]string) []Difference {
	var found []Difference
	for _, it := range c.travelling() {
		if verdict, there := verdicts[it.ObjectUID]; there {
			found = append(found, Difference{StudyUID: c.Study.UID, Kind: ContentDiffers, UID: it.UID, Detail: verdict})
		}
	}
	return found
}

func unsent(text string, why error) string {
	if why != nil {
		text += ": " + why.Error()
	}
	return text
}
