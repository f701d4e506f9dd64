package bridge

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"pacsbridge/staging"
)

// WholeFinder is a Finder whose answers to a window are whole, or end with a
// *TruncatedError: what the Finder below it cuts short is asked for in parts. It
// learns the habits of that one, and is for one goroutine.
type WholeFinder struct {
	census *census
	finder Finder
}

var _ Finder = (*WholeFinder)(nil)

// NewWholeFinder wraps a finder. pause is the one before a query is tried again; 1 s
// when zero.
func NewWholeFinder(f Finder, pause time.Duration, log *slog.Logger) *WholeFinder {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &WholeFinder{census: newCensus(f, pause, log), finder: f}
}

// Studies yields each study once. A query without a window, or with other keys
// than that, is handed through.
func (w *WholeFinder) Studies(ctx context.Context, q StudyQuery) iter.Seq2[staging.Study, error] {
	if q.Window.From.IsZero() || q != (StudyQuery{Window: q.Window}) {
		return w.finder.Studies(ctx, q)
	}
	return func(yield func(staging.Study, error) bool) {
		seen := map[string]bool{}
		err := w.census.window(ctx, q.Window, Window{From: time.Time{}, To: farFuture}, false, func(row Row) error {
			if seen[row.Study.UID] || !q.Window.holds(row.Study.Date) {
				return nil
			}
			seen[row.Study.UID] = true
			if !yield(row.Study, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(staging.Study{}, err)
		}
	}
}

// farFuture is after the last day that a DA can name.
var farFuture = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
