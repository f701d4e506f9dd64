package staging

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// Patience is how trouble of one class is met.
type Patience struct {
	First   time.Duration // the first pause; each further one is twice as long
	Longest time.Duration // no pause is longer
	// Limit is how long a study, or a peer, is waited for without using up
	// attempts; 0: not at all.
	Limit time.Duration
	Final bool // trying again makes no sense
}

// Patiences say it of each class: who is busy or away is waited for, what NEW does
// not take and what is broken fails at once, and the rest uses up its attempts.
var Patiences = map[Class]Patience{
	PeerBusy:          {First: time.Second, Longest: 5 * time.Minute, Limit: 30 * time.Minute},
	Network:           {First: time.Second, Longest: 5 * time.Minute, Limit: 30 * time.Minute},
	TargetRefused:     {Final: true},
	Data:              {Final: true},
	PeerRefused:       {First: time.Second, Longest: 5 * time.Minute},
	Incomplete:        {First: time.Second, Longest: 5 * time.Minute},
	AttachmentMissing: {First: time.Second, Longest: 5 * time.Minute},
	Mismatch:          {First: time.Second, Longest: 5 * time.Minute},
	Timeout:           {First: time.Second, Longest: 5 * time.Minute},
	Internal:          {First: time.Second, Longest: 5 * time.Minute},
}

// Pause is how long to wait after the given number of tries: twice as long each
// time, half of it by chance, so that what failed together does not come back
// together.
func (p Patience) Pause(tries int) time.Duration {
	longest := min(p.First<<min(max(tries-1, 0), 20), p.Longest)
	return longest/2 + rand.N(longest/2+1)
}

// Peer is a PACS that is in trouble.
type Peer struct {
	Name  string
	Class Class
	Since time.Time // of the first trouble in a row
	Tries int
	Until time.Time // nothing is opened before
}

// Trouble notes that a peer is busy or away: nothing is fed on any node until the
// time it returns. Trouble that was met before that time is the same trouble: it
// makes the pause no longer.
func (db *DB) Trouble(ctx context.Context, peer string, class Class) (Peer, error) {
	var p Peer
	err := db.tx(ctx, "trouble with "+peer, func(tx *tx) error {
		now := db.now()
		_, err := tx.ExecContext(ctx, `INSERT INTO peers (name, class, troubled_since, tries, rest_until) VALUES ($1, $2, $3, 0, 0)
			ON CONFLICT (name) DO NOTHING`, peer, class, now)
		if err != nil {
			return err
		}
		if p, err = scanPeer(tx.QueryRowContext(ctx, peerByName+db.locked, peer)); err != nil || now < millis(p.Until) {
			return err
		}
		p.Tries++
		p.Class = class
		until := now + Patiences[class].Pause(p.Tries).Milliseconds()
		p.Until = fromMillis(until)
		_, err = tx.ExecContext(ctx, `UPDATE peers SET class = $2, tries = $3, rest_until = $4 WHERE name = $1`, peer, class, p.Tries, until)
		return err
	})
	return p, err
}

// Well ends the trouble with a peer, which answered. It reports whether there was
// any.
func (db *DB) Well(ctx context.Context, peer string) (bool, error) {
	n, err := db.change(ctx, "end of trouble with "+peer, `DELETE FROM peers WHERE name = $1`, peer)
	return n > 0, err
}

// Troubled returns a peer that is in trouble, or ErrNotFound.
func (db *DB) Troubled(ctx context.Context, peer string) (Peer, error) {
	p, err := reading(ctx, db.engine, func() (Peer, error) { return scanPeer(db.read.QueryRowContext(ctx, peerByName, peer)) })
	return p, db.wrap("peer "+peer, err)
}

const peerByName = `SELECT name, class, troubled_since, tries, rest_until FROM peers WHERE name = $1`

func scanPeer(row scanner) (Peer, error) {
	var p Peer
	var since, until int64
	err := row.Scan(&p.Name, &p.Class, &since, &p.Tries, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return p, ErrNotFound
	}
	p.Since, p.Until = fromMillis(since), fromMillis(until)
	return p, err
}
