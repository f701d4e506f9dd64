package staging

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// Patience is how trouble that may pass is met: by pauses that double, for a time.
type Patience struct {
	First   time.Duration // the first pause
	Longest time.Duration // no pause is longer
	Limit   time.Duration // for how long nothing is held against a study
}

// Pause is how long to wait after the given number of tries: twice as long each
// time, half of it by chance, so that what failed together does not come back
// together.
func (p Patience) Pause(tries int) time.Duration {
	longest := p.Longest
	if doublings := max(tries-1, 0); doublings < 32 {
		longest = min(p.First<<doublings, p.Longest)
	}
	return longest/2 + rand.N(longest/2+1)
}

// Waited is for how long the study has been given back without using up attempts,
// time after time.
func (c *Claim) Waited() time.Duration {
	if c.study.WaitingSince.IsZero() {
		return 0
	}
	return c.db.clock().Sub(c.study.WaitingSince)
}

// Peer is a PACS that is in trouble.
type Peer struct {
	Name  string
	Class Class
	Since time.Time // of the first trouble in a row
	Tries int
	Until time.Time     // nothing is opened before
	Rest  time.Duration // from now until then, by the clock of the database
}

// Trouble notes that a peer is busy or away: nothing is fed on any node until the
// time it returns. Trouble that was met before that time is the same trouble: it
// makes the pause no longer. Trouble that nobody has met for a while is over.
func (db *DB) Trouble(ctx context.Context, peer string, class Class, patience Patience) (Peer, error) {
	var p Peer
	err := db.tx(ctx, "trouble with "+peer, func(tx *tx) error {
		now := db.now()
		_, err := tx.ExecContext(ctx, `INSERT INTO peers (name, class, troubled_since, tries, rest_until) VALUES ($1, $2, $3, 0, 0)
			ON CONFLICT (name) DO NOTHING`, peer, class, now)
		if err != nil {
			return err
		}
		p, err = scanPeer(tx.QueryRowContext(ctx, `SELECT `+peerColumns+` FROM peers WHERE name = $1`+db.locked, peer))
		if err != nil {
			return err
		}
		if until := millis(p.Until); now >= until {
			if p.Tries > 0 && now-until > patience.Longest.Milliseconds() {
				p.Tries, p.Since = 0, fromMillis(now)
			}
			p.Tries++
			p.Class = class
			p.Until = fromMillis(now + max(patience.Pause(p.Tries).Milliseconds(), 1))
			_, err = tx.ExecContext(ctx, `UPDATE peers SET class = $2, troubled_since = $3, tries = $4, rest_until = $5 WHERE name = $1`,
				peer, class, millis(p.Since), p.Tries, millis(p.Until))
		}
		p.Rest = time.Duration(millis(p.Until)-now) * time.Millisecond
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

// Troubled lists the peers that are left alone at the moment.
func (db *DB) Troubled(ctx context.Context) ([]Peer, error) {
	var peers []Peer
	now := db.now()
	err := db.each(ctx, `SELECT `+peerColumns+` FROM peers WHERE rest_until > $1 ORDER BY name`, []any{now}, func(row scanner) error {
		p, err := scanPeer(row)
		p.Rest = time.Duration(millis(p.Until)-now) * time.Millisecond
		peers = append(peers, p)
		return err
	})
	return peers, db.wrap("peers in trouble", err)
}

const peerColumns = `name, class, troubled_since, tries, rest_until`

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
