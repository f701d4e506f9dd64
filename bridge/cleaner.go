package bridge

import (
	"context"
	"log/slog"
	"time"

	"pacsbridge/staging/spool"
)

// Unfinished is what the ledger knows of studies on their way.
type Unfinished interface {
	// UnderWay lists those that were begun and have not come to their end.
	UnderWay(ctx context.Context) ([]string, error)
}

// Cleaner gives up what the spool holds of studies that came to their end elsewhere: in a
// process that was killed before it could, or at another node, which went on with what
// this one had given back. Of a study that is under way, wherever, everything stays: its
// next attempt uses it again. What else is in the spool's folder is not the spool's, and
// is not touched. Each node has one. It cannot lose anything: the spool is a cache.
type Cleaner struct {
	Ledger Unfinished
	Spool  *spool.Spool
	Every  time.Duration // 10 minutes when zero
	Logger *slog.Logger
}

// Run cleans up now and then until the context ends.
func (c *Cleaner) Run(ctx context.Context) error {
	tick := time.NewTicker(orDefault(c.Every, 10*time.Minute))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.Clean(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// Clean does it once. That it cannot is told, and no reason to stop: the next time may do.
func (c *Cleaner) Clean(ctx context.Context) {
	studies, err := c.Spool.Retain(func() ([]string, error) { return c.Ledger.UnderWay(ctx) })
	if err != nil && ctx.Err() == nil {
		c.Logger.Warn("what the spool holds of studies at their end is not given up; it is tried again later", "error", err)
	}
	if studies > 0 {
		c.Logger.Info("the spool gave up what it held of studies that came to their end elsewhere", "studies", studies)
	}
}
