package staging

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Node is a process that works on this ledger.
type Node struct {
	Name    string
	Address string // where its SCP listens
	Started time.Time
	Beat    time.Time // its last sign of life
}

// Register enters a node that starts.
func (db *DB) Register(ctx context.Context, node, address string) error {
	_, err := db.change(ctx, "register node "+node, `INSERT INTO nodes (name, address, started_at, beat_at) VALUES ($1, $2, $3, $3)
		ON CONFLICT (name) DO UPDATE SET address = excluded.address, started_at = excluded.started_at, beat_at = excluded.beat_at`,
		node, address, db.now())
	return err
}

// Beat is a node's sign of life.
func (db *DB) Beat(ctx context.Context, node string) error {
	return db.tx(ctx, "beat of node "+node, func(tx *tx) error {
		return oneRow(tx.ExecContext(ctx, `UPDATE nodes SET beat_at = $2 WHERE name = $1`, node, db.now()))
	})
}

// Leave takes a node that stops off the list.
func (db *DB) Leave(ctx context.Context, node string) error {
	_, err := db.change(ctx, "leave of node "+node, `DELETE FROM nodes WHERE name = $1`, node)
	return err
}

// LiveNode returns the node that gave a sign of life last, if that was within
// the given time, or ErrNotFound.
func (db *DB) LiveNode(ctx context.Context, within time.Duration) (Node, error) {
	var n Node
	var started, beat int64
	err := db.again(ctx, func() error {
		return db.read.QueryRowContext(ctx, `SELECT name, address, started_at, beat_at FROM nodes WHERE beat_at >= $1
			ORDER BY beat_at DESC, name LIMIT 1`, db.now()-within.Milliseconds()).Scan(&n.Name, &n.Address, &started, &beat)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	n.Started, n.Beat = fromMillis(started), fromMillis(beat)
	return n, db.wrap("live node", err)
}
