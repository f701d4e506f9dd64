package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/staging"
)

// dispatch sets up who queues what was ordered, and who takes care of the cluster: the
// node that leads.
func (e *engine) dispatch(departments []staging.Department) {
	options := staging.FeedOptions{Node: e.node, Room: e.settings.Migration.Queue, Departments: names(departments)}
	e.dispatcher = bridge.NewDispatcher(e.db, options, e.openHours, e.log)
	for _, d := range departments {
		e.dispatcher.Workers += d.Workers
	}
	e.dispatcher.Step = e.settings.Migration.Window
	e.dispatcher.OnFulfilled = func(int64) { e.news.ring() }
	e.staged = e.dispatcher.Ring
	e.caretaker = &bridge.Caretaker{Ledger: e.db, Node: e.node, Limit: e.settings.Migration.Timeout, Logger: e.log}
	e.caretaker.OnLeads = func() {
		e.log.Info("this node leads: it queues what was ordered, and takes back what dead workers hold", "node", e.node)
		e.dispatcher.Ring()
	}
	e.dispatcher.Leads = e.caretaker.Leads
}

// newRechecker proves once more, now and then, what was proven; migration.notify is told
// of what the new PACS has lost since.
func (e *engine) newRechecker() *bridge.Rechecker {
	return &bridge.Rechecker{Ledger: e.db, New: e.new, Leads: e.caretaker.Leads, Logger: e.log,
		OnLost: func(study staging.Study, objects []string) {
			err := notify(context.Background(), e.settings.Migration.Notify.Reveal(), notice{
				Event: "study-lost", Node: e.node, StudyUID: study.UID, Class: string(staging.Mismatch),
				Reason: fmt.Sprintf("the new PACS does not list %d of its objects any more", len(objects)), Attempts: study.Attempts,
			})
			if err != nil {
				e.log.Error("migration.notify was not told of a study that was lost", "study", study.UID, "error", err)
			}
		}}
}

// newStocktaker takes windows of inventories, as many at once as half of the associations
// to OLD: studies are fetched beside it.
func (e *engine) newStocktaker() (s *bridge.Stocktaker, windows int) {
	inventory := e.inventory()
	inventory.Node = e.node
	inventory.OnStaged = func() { e.dispatcher.Ring() }
	s = &bridge.Stocktaker{Inventory: *inventory, Ledger: e.db, OnEnded: func(order int64, err error) { e.failures.Store(order, err) }}
	return s, max(1, e.settings.Old.Associations/2)
}

// queues are the departments with their workers, as staging wants them.
func queues(s *conf.Settings) []staging.Department {
	var departments []staging.Department
	for _, d := range s.Migration.Departments {
		departments = append(departments, staging.Department{Name: d.Name, Workers: d.Workers})
	}
	return departments
}

func names(departments []staging.Department) []string {
	var names []string
	for _, d := range departments {
		names = append(names, d.Name)
	}
	return names
}

// openHours reports whether both PACS may be used now.
func (e *engine) openHours(now time.Time) bool {
	return e.settings.Old.Hours.Open(now) && e.settings.New.Hours.Open(now)
}

const (
	// ownOrder is how long an order outlives a process that gave it and died.
	ownOrder = 15 * time.Second
	// keepOrder is how often its process says that it lives.
	keepOrder = 3 * time.Second
)

// carry migrates a scope: the inventory fills staging while what is there already is
// worked off, by whichever nodes there are. The order ends with this process. An inventory
// that fails is told after all that was staged has come to its end.
func (e *engine) carry(ctx context.Context, scope staging.Scope) error {
	id, err := e.submit(ctx, scope)
	if err != nil {
		return err
	}
	keep := time.NewTicker(keepOrder)
	defer keep.Stop()
	look := time.NewTicker(lookAtOrder)
	defer look.Stop()
	for {
		select {
		case <-e.news:
		case <-look.C:
		case <-keep.C:
			if err := e.db.KeepOrder(ctx, id, ownOrder); err != nil && !errors.Is(err, staging.ErrNotFound) {
				e.log.Warn("keep the order", "order", id, "error", err)
			}
			continue
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), e.withdraw(id))
		}
		order, err := e.db.Order(ctx, id)
		switch {
		case err != nil:
		case order.Abandoned():
			id, err = e.resubmit(ctx, order)
		case !order.Finished.IsZero():
			return e.outcome(order)
		}
		if err != nil && !passes(err) {
			return fmt.Errorf("follow order %d: %w", id, err)
		}
	}
}

func (e *engine) submit(ctx context.Context, scope staging.Scope) (id int64, err error) {
	if id, err = e.db.SubmitOwnOrder(ctx, scope, e.node, ownOrder); err != nil {
		return 0, fmt.Errorf("submit the order: %w", err)
	}
	e.dispatcher.Ring()
	return id, nil
}

// resubmit gives an order once more that was ended because this process was thought dead:
// it could keep nothing while the database was away, or the machine stood still. What the
// inventory has taken so far stays. Where that fails, the number is that of the old one.
func (e *engine) resubmit(ctx context.Context, old staging.Order) (id int64, err error) {
	if id, err = e.submit(ctx, old.Scope); err != nil {
		return old.ID, err
	}
	e.log.Warn("no sign of life of this process reached the ledger for a while, and its order was ended; it is submitted again",
		"order", old.ID, "again", id)
	return id, nil
}

// passes reports whether an error of the ledger may pass.
func passes(err error) bool {
	var ledger *staging.Error
	return errors.As(err, &ledger) && ledger.Temporary()
}

// outcome is the error that an order ended with, as it was where it befell this process.
func (e *engine) outcome(o staging.Order) error {
	if failure, ours := e.failures.Load(o.ID); ours && o.Error != "" && failure != nil {
		return failure.(error)
	}
	return orderError(o)
}

// withdraw ends an order that is not wanted any more.
func (e *engine) withdraw(id int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	err := e.db.FinishOrder(ctx, id, errors.New("interrupted"))
	if errors.Is(err, staging.ErrNotFound) {
		return nil
	}
	return err
}

// bell wakes whoever waits for news.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
