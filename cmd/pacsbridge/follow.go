package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"pacsbridge/staging"
)

const (
	// nodeAlive is how old a node's last sign of life may be.
	nodeAlive = 30 * time.Second
	// signOfLife is how often a node gives one.
	signOfLife = 5 * time.Second
	// lookAtOrder is how often a follower asks whether its order is done.
	lookAtOrder = 500 * time.Millisecond
	// silentLooks is how many looks in a row must find no living node until none is
	// taken to be left: the database may have been away, and the signs of life are as old
	// as that. The nodes give their next one meanwhile.
	silentLooks = int(2 * signOfLife / lookAtOrder)
)

// throughNode hands an order to the node that runs on this staging database and
// waits for its end. Interrupting it leaves the order with the node.
func (r *rig) throughNode(ctx context.Context, _ net.Listener, o order) error {
	id, err := r.db.SubmitOrder(ctx, o.scope)
	if err != nil {
		return fmt.Errorf("submit the order: %w", err)
	}
	r.log.Info("a node runs on this staging database already; it takes the order over", "order", id)
	tick := time.NewTicker(lookAtOrder)
	defer tick.Stop()
	for silent := 0; ; {
		order, err := r.db.Order(ctx, id)
		if err != nil {
			return fmt.Errorf("follow order %d: %w", id, err)
		}
		if !order.Finished.IsZero() {
			return orderError(order)
		}
		if _, err := r.db.LiveNode(ctx, nodeAlive); errors.Is(err, staging.ErrNotFound) {
			silent++
		} else {
			silent = 0
		}
		if silent > silentLooks {
			return withHint(fmt.Errorf("the node that took order %d gives no sign of life", id), "start it again, or run this command again")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func orderError(o staging.Order) error {
	if o.Error == "" {
		return nil
	}
	return fmt.Errorf("order %d: %s", o.ID, o.Error)
}
