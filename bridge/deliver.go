package bridge

import (
	"context"
	"fmt"
	"io"
	"sync"

	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Deliverer brings a complete collection to NEW.
type Deliverer struct {
	New      Target
	Spool    *spool.Spool
	Throttle *Throttle // bytes a second to NEW; nil: as fast as it takes them
}

// saveEvery is how many receipts are gathered before they go to the ledger in one
// transaction.
const saveEvery = 64

// DeliveryError tells that NEW did not take every object of a study.
type DeliveryError struct {
	Refused int
	First   error // why the first of them was refused
}

func (e *DeliveryError) Error() string {
	if e.Refused == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%d objects not taken, the first: %v", e.Refused, e.First)
}

// Unwrap returns why the first object was refused.
func (e *DeliveryError) Unwrap() error { return e.First }

// Deliver sends what NEW has not acknowledged yet. Sending an instance again
// changes nothing at NEW, so what is in doubt is sent again.
func (k *Deliverer) Deliver(ctx context.Context, c *Collection, ledger Ledger) error {
	book := &receipts{ledger: ledger, items: map[string]*staging.Item{}}
	var parcels []Parcel
	for _, it := range c.travelling() {
		if !it.Stored {
			book.items[it.ObjectUID] = it
			parcels = append(parcels, k.parcel(ctx, c.Study.UID, it))
		}
	}
	err := k.New.Store(ctx, parcels, func(r Receipt) { book.enter(ctx, r) })
	if saved := book.flush(ctx); saved != nil {
		return saved
	}
	if book.refused.First != nil {
		return &book.refused
	}
	return err
}

func (k *Deliverer) parcel(ctx context.Context, studyUID string, it *staging.Item) Parcel {
	return Parcel{
		SOPClass: it.SOPClass, SOPInstance: it.ObjectUID, TransferSyntax: it.TransferSyntax, Size: -1,
		Open: func() (io.ReadCloser, error) {
			data, _, err := k.Spool.Open(studyUID, it.ObjectUID)
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

// receipts enters NEW's answers into the items and, some at a time, into the ledger.
type receipts struct {
	ledger Ledger

	mu      sync.Mutex
	items   map[string]*staging.Item // by the UID they have at NEW
	unsaved []staging.Item
	refused DeliveryError
	failed  error // the ledger's
}

func (b *receipts) enter(ctx context.Context, r Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := b.items[r.SOPInstance]
	if r.Err == nil {
		it.Stored = true
		it.State, it.Class, it.Reason = staging.ItemPending, "", ""
		if r.Warning != "" {
			it.Warning = r.Warning
		}
	} else {
		f := classify(r.Err)
		it.Class, it.Reason = f.Class, f.Reason
		b.refused.Refused++
		if b.refused.First == nil {
			b.refused.First = r.Err
		}
	}
	if b.unsaved = append(b.unsaved, *it); len(b.unsaved) >= saveEvery {
		b.save(ctx)
	}
}

// flush saves what has not been saved and returns the ledger's first error.
func (b *receipts) flush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.save(ctx)
	return b.failed
}

func (b *receipts) save(ctx context.Context) {
	if len(b.unsaved) == 0 {
		return
	}
	if err := b.ledger.Save(ctx, b.unsaved); err != nil && b.failed == nil {
		b.failed = fmt.Errorf("save %d receipts: %w", len(b.unsaved), err)
	}
	b.unsaved = b.unsaved[:0]
}
