package bridge

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"pacsbridge/staging"
)

// Ledger is where the journey of one study is written down. Every write belongs
// to the lease this process holds on the study and fails once that is lost.
type Ledger interface {
	Items(ctx context.Context) ([]staging.Item, error)
	Save(ctx context.Context, items []staging.Item) error
	Advance(ctx context.Context, to staging.State, items ...staging.Item) error
}

// checkpoint is how often the items of a study in work go to the ledger. Its states
// and its end go at once; what became of single items in between is needed only
// where this process dies, and then that much work is done again.
const checkpoint = time.Second

// logbook is where one journey notes how far the items of its study are: in memory at
// once, in the ledger at checkpoints, and then only those that have changed. It is safe
// for use by several goroutines; the items themselves are their owners'.
type logbook struct {
	ledger Ledger

	mu    sync.Mutex
	next  time.Time
	known map[itemKey]staging.Item // as the ledger has them
}

// itemKey tells the items of a study apart.
type itemKey struct {
	kind staging.ItemKind
	uid  string
}

func newLogbook(ledger Ledger) *logbook {
	return &logbook{ledger: ledger, next: time.Now().Add(checkpoint), known: map[itemKey]staging.Item{}}
}

// items returns what the ledger holds of the study.
func (b *logbook) items(ctx context.Context) ([]staging.Item, error) {
	items, err := b.ledger.Items(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep(items)
	return items, err
}

// note writes items to the ledger where a checkpoint is due. Only then they are
// asked for.
func (b *logbook) note(ctx context.Context, items func() []staging.Item) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed, due := b.due(items)
	if !due {
		return nil
	}
	if len(changed) > 0 {
		if err := b.ledger.Save(ctx, changed); err != nil {
			return fmt.Errorf("save %d items: %w", len(changed), err)
		}
	}
	b.keep(changed)
	return nil
}

// advance moves the study on in the ledger, with items where a checkpoint is due.
func (b *logbook) advance(ctx context.Context, to staging.State, items func() []staging.Item) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed, due := b.due(items)
	if err := b.ledger.Advance(ctx, to, changed...); err != nil {
		return fmt.Errorf("advance to %s: %w", to, err)
	}
	if due {
		b.keep(changed)
	}
	return nil
}

// due reports whether the time of a checkpoint has come, and gives the items that the
// ledger then has otherwise, or not at all.
func (b *logbook) due(items func() []staging.Item) (changed []staging.Item, due bool) {
	if time.Now().Before(b.next) {
		return nil, false
	}
	for _, it := range items() {
		if known, here := b.known[keyOf(it)]; !here || !sameItem(it, known) {
			changed = append(changed, it)
		}
	}
	return changed, true
}

// keep remembers what the ledger has from here on; the next checkpoint is counted from here.
func (b *logbook) keep(items []staging.Item) {
	for _, it := range items {
		b.known[keyOf(it)] = it
	}
	b.next = time.Now().Add(checkpoint)
}

func keyOf(it staging.Item) itemKey { return itemKey{it.Kind, it.UID} }

func sameItem(one, other staging.Item) bool {
	payload, others := one.Payload, other.Payload
	one.Payload, other.Payload = nil, nil
	return bytes.Equal(payload, others) && reflect.DeepEqual(one, other)
}
