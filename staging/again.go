package staging

import (
	"context"
	"errors"
	"time"
)

const (
	// restartFor is how long a database that went away is waited for: a restart
	// takes seconds, a failover to another machine a minute. fullFor is how long a
	// full disk is: a person has to make room.
	restartFor = 2 * time.Minute
	fullFor    = 30 * time.Minute
	// againFirst and againLongest are the pauses between the tries.
	againFirst   = 10 * time.Millisecond
	againLongest = time.Second
	// againTold is the pause from which on a person is told.
	againTold = 160 * time.Millisecond
)

// again repeats work while the database is away, or stood in its own way, and
// there is a point in trying. What it returns after that is the last error.
func (e *engine) again(ctx context.Context, work func() error) error {
	err := work()
	if err == nil || e.away == nil {
		return err
	}
	defer e.waiting(err)()
	begun := time.Now()
	deadline := begun.Add(e.awayFor)
	told := false
	pause := time.NewTimer(0)
	defer pause.Stop()
	for wait := againFirst; e.away(err) && time.Now().Before(deadline); wait = min(2*wait, againLongest) {
		if wait >= againTold && !told {
			told = true
			e.log.Error("the staging database is away or its disk is full; it is waited for", "error", err)
		}
		pause.Reset(wait)
		select {
		case <-pause.C:
			if e.unblock != nil {
				e.unblock(ctx, err)
			}
			err = work()
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
	if told && err == nil {
		e.log.Info("the staging database is there again", "after", time.Since(begun).Round(time.Millisecond).String())
	}
	return err
}

// waiting notes that somebody waits for room on the ledger's disk, until done is called.
func (e *engine) waiting(err error) (done func()) {
	if e.full == nil || !e.full(err) {
		return func() {}
	}
	e.wanting.Add(1)
	return func() { e.wanting.Add(-1) }
}

// ErrFull is what Full returns.
var ErrFull error = &Error{Doing: "write", Err: errors.New("the disk of the ledger is full"), temporary: true}

// Full returns ErrFull while the ledger's disk is full: something could not be written,
// and waits for room. Whoever brings more should bring it later.
func (db *DB) Full() error {
	if db.wanting.Load() == 0 {
		return nil
	}
	return ErrFull
}

// reading repeats a reading that answers with one value.
func reading[T any](ctx context.Context, e *engine, read func() (T, error)) (T, error) {
	var value T
	err := e.again(ctx, func() (err error) {
		value, err = read()
		return err
	})
	return value, err
}
