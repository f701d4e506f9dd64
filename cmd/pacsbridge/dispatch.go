package main

import (
	"context"
	"errors"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/staging"
)

// dispatch sets up who queues studies, for this node and for the whole cluster.
func (e *engine) dispatch(departments []staging.Department) {
	options := staging.FeedOptions{Node: e.node, Room: e.settings.Migration.Queue, Departments: names(departments)}
	e.dispatcher = bridge.NewDispatcher(e.db, options, e.openHours, e.log)
	for _, d := range departments {
		e.dispatcher.Workers += d.Workers
	}
	e.staged = e.dispatcher.Ring
	e.caretaker = &bridge.Caretaker{Ledger: e.db, Node: e.node, Limit: e.settings.Migration.Timeout, Open: e.openHours, Logger: e.log}
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

// carry migrates a scope: the inventory fills staging while what is there already
// is worked off. An inventory that fails is told after all that was staged has
// come to its end.
func (e *engine) carry(ctx context.Context, scope staging.Scope, inventory func(context.Context) error) error {
	taken := make(chan struct{})
	failure := make(chan error, 1)
	go func() {
		defer close(taken)
		failure <- inventory(ctx)
	}()
	err := e.dispatcher.Run(ctx, scope, taken)
	<-taken
	return errors.Join(err, <-failure)
}
