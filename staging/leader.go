package staging

import (
	"context"
	"time"
)

// Lead reports whether a node is the one in the cluster that does something, and
// holds the role for it for a time. Who leads asks again before that has passed;
// when it dies, another leads after that.
func (db *DB) Lead(ctx context.Context, role, node string, lease time.Duration) (bool, error) {
	now := db.now()
	n, err := db.change(ctx, "lead "+role, `INSERT INTO leaders (role, node, lease_until) VALUES ($1, $2, $3)
		ON CONFLICT (role) DO UPDATE SET node = excluded.node, lease_until = excluded.lease_until
		WHERE leaders.node = excluded.node OR leaders.lease_until < $4`, role, node, now+lease.Milliseconds(), now)
	return n > 0, err
}
