package dimse

import (
	"cmp"
	"log/slog"
	"time"
)

// Timeouts bounds every wait. A zero field means its default.
type Timeouts struct {
	Connect  time.Duration // TCP and TLS set-up; 10 s
	ARTIM    time.Duration // association set-up and release; 30 s
	Response time.Duration // longest silence while an answer is awaited; 60 s
	Idle     time.Duration // longest silence of a requestor between and within its messages; 60 s
}

func (t Timeouts) withDefaults() Timeouts {
	return Timeouts{
		Connect:  cmp.Or(t.Connect, 10*time.Second),
		ARTIM:    cmp.Or(t.ARTIM, 30*time.Second),
		Response: cmp.Or(t.Response, 60*time.Second),
		Idle:     cmp.Or(t.Idle, 60*time.Second),
	}
}

// orDiscard is the logger to use when none is given.
func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
