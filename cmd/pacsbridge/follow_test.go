package main

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// openStaging opens a ledger on SQLite; ahead is how far its clock is.
func openStaging(t *testing.T, path string, ahead time.Duration) *staging.DB {
	t.Helper()
	db, err := staging.Open(t.Context(), staging.Options{URL: "sqlite:" + path, Clock: func() time.Time { return time.Now().Add(ahead) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// openOrder is the one order of a ledger.
func openOrder(t *testing.T, db *staging.DB) staging.Order {
	t.Helper()
	orders, err := db.OpenOrders(t.Context())
	if err != nil || len(orders) != 1 {
		t.Fatalf("the orders are %+v, %v", orders, err)
	}
	return orders[0]
}

// No node gives a sign of life for longer than one lasts, since the database was away for
// everybody; the next one is waited for.
func TestAFollowerGivesUpWhenNoNodeIsLeftAndNotBefore(t *testing.T) {
	for name, lives := range map[string]bool{"the database was away": true, "the node has died": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openStaging(t, filepath.Join(t.TempDir(), "staging.db"), 0)
				if err := db.Register(t.Context(), "node", "here"); err != nil {
					t.Fatal(err)
				}
				r := &rig{db: db, log: slog.New(slog.DiscardHandler)}
				followed := make(chan error, 1)
				go func() { followed <- r.throughNode(t.Context(), nil, order{}) }()
				time.Sleep(nodeAlive + signOfLife) // of the test's own clock
				if lives {
					if err := db.Beat(t.Context(), "node"); err != nil {
						t.Fatal(err)
					}
					time.Sleep(nodeAlive / 2)
					if err := db.FinishOrder(t.Context(), openOrder(t, db).ID, nil); err != nil {
						t.Fatal(err)
					}
				}
				err := <-followed
				if lives && err != nil || !lives && (err == nil || !strings.Contains(err.Error(), "no sign of life")) {
					t.Errorf("the follower ends with %v", err)
				}
			})
		})
	}
}

// The database was away, or the machine was suspended, for longer than an order outlives
// its process; another node, or this one itself, has ended it before the next sign of life.
func TestAnOrderWhoseProcessWasThoughtDeadIsSubmittedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "staging.db")
		db, later := openStaging(t, path, 0), openStaging(t, path, 2*ownOrder)
		log := slog.New(slog.DiscardHandler)
		e := &engine{rig: &rig{db: db, log: log}, node: "node", news: make(bell, 1),
			dispatcher: bridge.NewDispatcher(db, staging.FeedOptions{}, nil, log)}
		carried := make(chan error, 1)
		scope := staging.Scope{From: "2026-01-01", To: "2026-01-31"}
		go func() { carried <- e.carry(t.Context(), scope) }()
		time.Sleep(lookAtOrder / 2) // of the test's own clock
		before := openOrder(t, db)
		if _, err := later.Reclaim(t.Context(), "other", false); err != nil {
			t.Fatal(err)
		}
		if ended, err := db.Order(t.Context(), before.ID); err != nil || !ended.Abandoned() {
			t.Fatalf("the order is %+v, %v", ended, err)
		}
		time.Sleep(2 * ownOrder) // the new one is kept
		after := openOrder(t, db)
		if after.ID == before.ID || after.Scope.From != scope.From || after.Scope.To != scope.To {
			t.Errorf("the order is %+v", after)
		}
		failure := errors.New("the old PACS is gone")
		if err := db.FinishOrder(t.Context(), after.ID, failure); err != nil {
			t.Fatal(err)
		}
		if err := <-carried; err == nil || !strings.Contains(err.Error(), failure.Error()) {
			t.Errorf("it ends with %v", err)
		}
	})
}
