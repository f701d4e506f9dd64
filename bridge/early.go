package bridge

import (
	"context"
	"sync"

	"pacsbridge/staging"
)

// forerunner delivers instances of a collection while it is still being collected:
// each one that OLD lists, as soon as it is whole in the spool. What NEW does not
// take from it, and what it does not get to, is delivered with the rest as usual.
type forerunner struct {
	deliver *Deliverer
	study   staging.Study
	bell    chan struct{}

	mu       sync.Mutex
	wanted   map[string]bool // listed, and not yet sent
	waiting  []Parcel
	stored   map[string]Receipt // of what NEW has stored, by SOP Instance UID
	passages map[string][]byte  // what is recorded of those that rules changed
}

func newForerunner(k *Deliverer, c *Collection) *forerunner {
	f := &forerunner{deliver: k, study: c.Study, bell: make(chan struct{}, 1), wanted: map[string]bool{}, stored: map[string]Receipt{}, passages: map[string][]byte{}}
	for _, it := range c.Instances() {
		if !it.Stored && it.State != staging.ItemSkipped {
			f.wanted[it.UID] = true
		}
	}
	return f
}

// arrived takes note of an instance that is whole in the spool. One that a rule cannot be
// applied to stays for the delivery of the rest, which says so.
func (f *forerunner) arrived(ctx context.Context, a Arrival) {
	if !f.wants(a.UID) {
		return
	}
	it := &staging.Item{Kind: staging.Instance, UID: a.UID, ObjectUID: a.UID, SOPClass: a.SOPClass, TransferSyntax: a.TransferSyntax}
	if err := f.deliver.prepare(f.study, it); err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passages[a.UID] = it.Payload
	f.waiting = append(f.waiting, f.deliver.parcel(ctx, f.study.UID, it, false))
	select {
	case f.bell <- struct{}{}:
	default:
	}
}

// wants reports whether an instance is to be sent; once.
func (f *forerunner) wants(uid string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := f.wanted[uid]
	delete(f.wanted, uid)
	return wanted
}

// run delivers what has arrived, all that is there at a time, until the collection is
// whole or NEW is in trouble: with both the delivery of the rest deals.
func (f *forerunner) run(ctx context.Context, whole <-chan struct{}) {
	for {
		select {
		case <-f.bell:
		case <-whole:
			return
		}
		if err := f.deliver.New.Store(ctx, f.take(), f.enter); err != nil {
			return
		}
	}
}

func (f *forerunner) take() []Parcel {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.waiting
	f.waiting = nil
	return taken
}

// enter keeps what NEW has stored; a refusal will come again.
func (f *forerunner) enter(r Receipt) {
	if r.Err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stored[r.SOPInstance] = r
}

// tell notes in the items what NEW has stored.
func (f *forerunner) tell(c *Collection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, it := range c.Instances() {
		r, stored := f.stored[it.UID]
		if !stored {
			continue
		}
		if passage := f.passages[it.UID]; passage != nil {
			it.Payload = passage
		}
		recordSent(it, r.Sent)
		it.Stored, it.Warning = true, remark(it.Warning, r.Warning)
	}
}

// collect brings the collection into the spool, and with Early to NEW as far as that
// goes meanwhile.
func (m *Migrator) collect(ctx context.Context, c *Collection, notes *logbook) error {
	if !m.Early {
		return m.Collect.Collect(ctx, c, notes)
	}
	ahead := newForerunner(m.Deliver, c)
	whole := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() { ahead.run(ctx, whole) })
	early := *m.Collect
	early.arrived = func(a Arrival) { ahead.arrived(ctx, a) }
	err := early.Collect(ctx, c, notes)
	close(whole)
	done.Wait()
	ahead.tell(c)
	return err
}
