package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pacsbridge/staging"
)

// Proofs is what was proven so far.
type Proofs interface {
	// Audit proves the ledger against itself.
	Audit(ctx context.Context) error
	// Lately returns some of the studies that were migrated within a time, at random.
	Lately(ctx context.Context, within time.Duration, most int) ([]string, error)
	Study(ctx context.Context, uid string) (staging.Study, []staging.Item, error)
}

// Rechecker proves now and then once more what was proven before: the ledger against
// itself, and a few of the studies that were migrated lately against what NEW lists now.
// It changes nothing; a person is told. Every node has one, that of the node that leads
// works.
type Rechecker struct {
	Ledger Proofs
	New    Lister
	Leads  func() bool                                 // whether this node is the one that does it; nil: always
	Every  time.Duration                               // 6 h when zero
	Sample int                                         // how many studies; 20 when zero
	OnLost func(study staging.Study, objects []string) // called for a study of which NEW lists these no more; nil: nobody is told
	Logger *slog.Logger
}

// lately is how long ago studies were migrated at most that are looked for again: a PACS
// that loses something does so soon.
const lately = 7 * 24 * time.Hour

// Run rechecks until the context ends.
func (r *Rechecker) Run(ctx context.Context) error {
	tick := time.NewTicker(orDefault(r.Every, 6*time.Hour))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if r.Leads != nil && !r.Leads() {
			continue
		}
		if err := r.Recheck(ctx); err != nil && ctx.Err() == nil {
			r.Logger.Warn("what was proven could not be proven once more; it is tried again later", "error", err)
		}
	}
}

// Recheck does it once. What it finds wrong is told and no error.
func (r *Rechecker) Recheck(ctx context.Context) error {
	if err := r.Ledger.Audit(ctx); as[*staging.AuditError](err) {
		r.Logger.Error("the ledger contradicts itself; see pacsbridge status --audit", "error", err)
	} else if err != nil {
		return err
	}
	uids, err := r.Ledger.Lately(ctx, lately, orDefault(r.Sample, 20))
	if err != nil {
		return err
	}
	missing := 0
	for _, uid := range uids {
		lost, err := r.lost(ctx, uid)
		if err != nil {
			return fmt.Errorf("look for study %s at the new PACS: %w", uid, err)
		}
		missing += len(lost)
	}
	r.Logger.Info("what was proven is proven once more", "studies", len(uids), "objects_missing", missing)
	return nil
}

// lost returns the objects of a study that NEW was found to have and lists no more.
func (r *Rechecker) lost(ctx context.Context, uid string) ([]string, error) {
	study, items, err := r.Ledger.Study(ctx, uid)
	if err != nil || study.State != staging.Migrated { // it has gained something meanwhile
		return nil, err
	}
	c := NewCollection(study, items)
	listed, err := listedAt(ctx, r.New, c)
	if err != nil {
		return nil, err
	}
	var lost []string
	at := uidsOf(listed)
	for _, it := range c.toStore() {
		if it.State == staging.ItemDone && !at[it.ObjectUID] {
			lost = append(lost, it.ObjectUID)
		}
	}
	if len(lost) == 0 {
		return nil, nil
	}
	r.Logger.Error("the new PACS does not list any more what it was found to have; pacsbridge verify --repair sends it again",
		"study", uid, "objects", len(lost), "first", lost[0])
	if r.OnLost != nil {
		r.OnLost(study, lost)
	}
	return lost, nil
}
