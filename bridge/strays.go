package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pacsbridge/dimse"
	"pacsbridge/staging"
)

// Holder tells whether a PACS holds instances that it did not list.
type Holder interface {
	Held(ctx context.Context, studyUID, seriesUID string, uids []string) ([]Listed, error)
}

var _ Holder = (*Peer)(nil)

// FreshUIDError tells that OLD sends instances under UIDs that it does not list,
// and none that it lists: it invents new ones at each retrieve. Asking again would
// only fill the quarantine.
type FreshUIDError struct{ Arrived, Missing int }

func (e *FreshUIDError) Error() string {
	return fmt.Sprintf("the old PACS sent %d instances under UIDs that it does not list, and none of the %d listed ones; they are in quarantine",
		e.Arrived, e.Missing)
}

// Temporary is false: it would do so again.
func (e *FreshUIDError) Temporary() bool { return false }

// judge decides about instances of the study that have arrived and are not listed:
// those that OLD says it holds belong to the collection, the others go to
// quarantine. It returns how many those are. Where OLD cannot list, all belong.
func (k *Collector) judge(ctx context.Context, c *Collection, arrivals *Arrivals) (denied int, err error) {
	if err := k.putAside(c); err != nil {
		return 0, err
	}
	strays := c.strays(arrivals.Got())
	if len(strays) == 0 {
		return 0, nil
	}
	held, err := k.held(ctx, c, strays)
	if err != nil {
		return 0, err // undecided: they stay where they are, and the next look decides
	}
	c.List(held)
	c.receive(arrivals.Got())
	strays = c.strays(arrivals.Got())
	for _, stray := range strays {
		if err := k.quarantine(c.Study.UID, stray); err != nil {
			return denied, err
		}
		arrivals.forget(stray.UID)
		denied++
	}
	if denied > 0 {
		k.Logger.Error("the old PACS sent instances that it does not list; they are in quarantine",
			"study", c.Study.UID, "instances", denied, "one", strays[0].UID)
		c.noteStrays(strays)
	}
	return denied, nil
}

// noteStrays tells of strays on the first instance of the study: they have no items of
// their own, and the report should not be silent about them.
func (c *Collection) noteStrays(strays []Arrival) {
	if items := c.Instances(); len(items) > 0 {
		items[0].Warning = remark(items[0].Warning,
			fmt.Sprintf("the old PACS sent %d besides that it does not list, one is %s; in quarantine", len(strays), strays[0].UID))
	}
}

// strays are the arrivals that are no items of the collection.
func (c *Collection) strays(got map[string]Arrival) []Arrival {
	for _, it := range c.Instances() {
		delete(got, it.UID)
	}
	strays := slices.Collect(maps.Values(got))
	slices.SortFunc(strays, func(a, b Arrival) int { return strings.Compare(a.UID, b.UID) })
	return strays
}

// held are the strays that belong to the study after all.
func (k *Collector) held(ctx context.Context, c *Collection, strays []Arrival) ([]Listed, error) {
	bySeries := map[string][]string{}
	var all []Listed
	for _, s := range strays {
		bySeries[s.SeriesUID] = append(bySeries[s.SeriesUID], s.UID)
		all = append(all, Listed{UID: s.UID, SeriesUID: s.SeriesUID, SOPClass: s.SOPClass})
	}
	if c.byCount {
		return all, nil
	}
	holder, can := k.Old.(Holder)
	if !can {
		return nil, nil
	}
	var held []Listed
	for _, series := range slices.Sorted(maps.Keys(bySeries)) {
		some, err := holder.Held(ctx, c.Study.UID, series, bySeries[series])
		if err != nil && !refusedQuery(err) {
			return nil, err
		}
		held = append(held, some...)
	}
	return held, nil
}

// putAside keeps in quarantine what came under UIDs that NEW has with another content.
func (k *Collector) putAside(c *Collection) error {
	for _, other := range c.others {
		k.Logger.Error("the old PACS sends another data set under a UID than the one that NEW has stored; the first is kept, the second is in quarantine",
			"study", c.Study.UID, "instance", other.UID, "put_aside", other.SHA256)
		if err := k.toQuarantine(c.Study.UID, other, "NEW has stored another data set of this UID; SHA-256 "+other.SHA256); err != nil {
			return err
		}
	}
	c.others = nil
	return nil
}

// quarantine moves an instance from the spool to the quarantine.
func (k *Collector) quarantine(studyUID string, stray Arrival) error {
	why := "the old PACS sent it with study " + studyUID + " and does not list it; SHA-256 " + stray.SHA256
	if err := k.toQuarantine(studyUID, stray, why); err != nil {
		return err
	}
	return k.Spool.Remove(studyUID, stray.UID)
}

// toQuarantine copies an instance from the spool to the quarantine.
func (k *Collector) toQuarantine(studyUID string, stray Arrival, why string) error {
	data, _, err := k.Spool.Open(studyUID, stray.UID)
	if err != nil {
		return fmt.Errorf("open instance %s in the spool: %w", stray.UID, err)
	}
	defer data.Close()
	in := &dimse.Instance{SOPClass: stray.SOPClass, SOPInstance: stray.UID, TransferSyntax: stray.TransferSyntax,
		CallingAE: stray.from.ae, RemoteAddr: stray.from.address}
	if err := k.Inbox.Quarantine.Keep(in, data, why); err != nil {
		return fmt.Errorf("quarantine %s: %w", stray.UID, err)
	}
	return nil
}

// onlyCounted is noted of instances whose set nobody has listed.
const onlyCounted = "expected by count only: the old PACS does not list instances"

// mark notes which items were expected by count only.
func (c *Collection) mark() {
	if !c.byCount {
		return
	}
	for _, it := range c.kind(staging.Instance) {
		it.Warning = remark(it.Warning, onlyCounted)
	}
}
