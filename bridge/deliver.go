package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"pacsbridge/dimse"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Deliverer brings a complete collection to NEW.
type Deliverer struct {
	New      Target
	Spool    *spool.Spool
	Throttle *Throttle // bytes a second to NEW; nil: as fast as it takes them
	Rules    Rules     // change attributes of instances on the way
}

// DeliveryError tells that NEW did not take every object of a study.
type DeliveryError struct {
	Refused int
	First   error            // why the first of them was refused
	Reasons map[string]error // by the UID at NEW
}

func (e *DeliveryError) Error() string {
	if e.Refused == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%d objects not taken, the first: %v", e.Refused, e.First)
}

// Unwrap returns why the first object was refused.
func (e *DeliveryError) Unwrap() error { return e.First }

// rounds is how often an object is sent within one attempt at most: once more, on
// a fresh association, where the answer was lost or may have been a whim.
const rounds = 3

// Deliver sends what NEW has not acknowledged yet. Sending an instance again
// changes nothing at NEW, so what is in doubt is sent again, unless NEW lists it.
func (k *Deliverer) Deliver(ctx context.Context, c *Collection, notes *logbook) error {
	if err := k.amend(ctx, c); err != nil {
		return err
	}
	book := &receipts{notes: notes, items: map[string]*staging.Item{}, refusals: map[string]error{}, tries: map[string]int{}, sent: map[string]*Sent{}}
	for _, it := range c.toStore() {
		if !it.Stored {
			book.items[it.ObjectUID] = it
		}
	}
	var err error
	for round := 1; round <= rounds; round++ {
		var parcels []Parcel
		for _, it := range c.toStore() {
			if book.due(it.ObjectUID) {
				parcels = append(parcels, k.parcel(ctx, c.Study.UID, it, round > 1))
			}
		}
		if len(parcels) == 0 {
			break
		}
		err = k.New.Store(ctx, parcels, func(r Receipt) { book.enter(ctx, r) })
		if unsaved := book.trouble(); unsaved != nil {
			return unsaved
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && !lost(err) {
			break
		}
		k.query(ctx, c, book)
	}
	return book.verdict(err)
}

// query asks NEW for the objects whose answer was lost: what it lists was stored.
func (k *Deliverer) query(ctx context.Context, c *Collection, book *receipts) {
	lister, can := k.New.(Lister)
	doubtful := book.doubtful()
	if len(doubtful) == 0 || !can {
		return
	}
	listed, err := listedAt(ctx, lister, c)
	if err != nil {
		return // they are sent again, which changes nothing at NEW
	}
	at := uidsOf(listed)
	for _, uid := range doubtful {
		if at[uid] {
			book.enter(ctx, Receipt{SOPInstance: uid, Warning: "no answer to the C-STORE; the new PACS lists it"})
		}
	}
}

// lost fits errors that leave open whether NEW has stored the object.
func lost(err error) bool {
	return !as[dialError](err) && !as[*dimse.StatusError](err) && (as[*dimse.TimeoutError](err) || as[*dimse.TransportError](err) ||
		as[*dimse.AbortError](err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF))
}

// whim fits refusals that were seen to be gone on a fresh association: C000, 0110,
// 0117, 0122. One more try, then they are believed.
func whim(err error) bool {
	return answered(func(s dimse.Status) bool {
		return s&0xF000 == 0xC000 || s&0xFF00 == 0x0100 && s != dimse.StatusNotAuthorized
	})(err)
}

func (k *Deliverer) parcel(ctx context.Context, studyUID string, it *staging.Item, again bool) Parcel {
	return Parcel{
		Again:    again,
		AsIs:     it.Kind != staging.Instance,
		SOPClass: it.SOPClass, SOPInstance: it.ObjectUID, TransferSyntax: it.TransferSyntax, Size: -1,
		Open: func() (io.ReadCloser, error) {
			data, err := k.open(studyUID, it, passageOf(it).Amended)
			if err != nil || k.Throttle == nil {
				return data, err
			}
			return struct {
				io.Reader
				io.Closer
			}{k.Throttle.Reader(ctx, data), data}, nil
		},
	}
}

// open reads an object as it is sent, with its amendments.
func (k *Deliverer) open(studyUID string, it *staging.Item, amendments []Amendment) (io.ReadCloser, error) {
	data, _, err := k.Spool.Open(studyUID, it.ObjectUID)
	if err != nil {
		return nil, err
	}
	return amended(data, it.TransferSyntax, amendments)
}

// receipts enters NEW's answers into the items and, now and then, into the ledger.
type receipts struct {
	notes *logbook

	mu       sync.Mutex
	items    map[string]*staging.Item // by the UID they have at NEW
	refusals map[string]error         // why an object is not stored, the last reason
	tries    map[string]int
	sent     map[string]*Sent // what was sent, where that is not what was received
	failed   error            // the ledger's
}

// due reports whether an object is to be sent: for the first time, or again.
func (b *receipts) due(uid string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := b.items[uid]
	if it == nil || it.Stored {
		return false
	}
	refusal := b.refusals[uid]
	return refusal == nil || lost(refusal) || whim(refusal) && b.tries[uid] < 2
}

// doubtful are the objects whose answer was lost.
func (b *receipts) doubtful() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var uids []string
	for uid, refusal := range b.refusals {
		if lost(refusal) {
			uids = append(uids, uid)
		}
	}
	return uids
}

// verdict is nil when everything is stored. Else it is the refusal that leaves
// most hope: as long as one object may still be delivered the study goes on.
func (b *receipts) verdict(untried error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := &DeliveryError{Reasons: maps.Clone(b.refusals)}
	for _, uid := range slices.Sorted(maps.Keys(b.refusals)) {
		err := b.refusals[uid]
		e.Refused++
		if e.First == nil || milder(err, e.First) {
			e.First = err
		}
	}
	open := slices.ContainsFunc(slices.Collect(maps.Values(b.items)), func(it *staging.Item) bool {
		return !it.Stored && b.refusals[it.ObjectUID] == nil
	})
	switch {
	case open && untried != nil && (e.First == nil || milder(untried, e.First)):
		return untried
	case e.First != nil:
		return e
	case open:
		return untried
	}
	return nil
}

// milder reports whether the verdict on one error leaves more hope than that on
// the other.
func milder(one, other error) bool {
	order := []Verdict{Wait, Again, Hopeless, Halt}
	return slices.Index(order, classify(one).Verdict) < slices.Index(order, classify(other).Verdict)
}

func (b *receipts) enter(ctx context.Context, r Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := b.items[r.SOPInstance]
	b.tries[r.SOPInstance]++
	if r.Sent != nil {
		b.sent[r.SOPInstance] = r.Sent
	}
	if r.Err == nil {
		recordSent(it, b.sent[r.SOPInstance])
		it.Stored = true
		it.State, it.Class, it.Reason = staging.ItemPending, "", ""
		it.Warning = remark(it.Warning, r.Warning)
		delete(b.refusals, r.SOPInstance)
	} else {
		f := classify(r.Err)
		it.Class, it.Reason = f.Class, f.Reason
		b.refusals[r.SOPInstance] = r.Err
	}
	if err := b.notes.note(ctx, b.entered); err != nil && b.failed == nil {
		b.failed = err
	}
}

// trouble is the ledger's first error.
func (b *receipts) trouble() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// entered are the items as far as the answers go; the logbook finds what is new.
func (b *receipts) entered() []staging.Item {
	items := make([]staging.Item, 0, len(b.items))
	for _, it := range b.items {
		items = append(items, *it)
	}
	return items
}

// remark adds to what is noted of an object, once.
func remark(known, new string) string {
	if strings.Contains(known, new) {
		return known
	}
	return joined(known, new)
}
