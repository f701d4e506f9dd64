package dimse

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// complaintWindow and complaintsShown bound what one host can make us log: so
	// many lines of a kind in so much time. The others are counted.
	complaintWindow = time.Minute
	complaintsShown = 10
	// complaintKinds bounds the memory of it; beyond it all hosts are as one.
	complaintKinds = 1024
)

// complaints logs what peers do wrong, without letting them fill the disk with
// it.
type complaints struct {
	log *slog.Logger
	mu  sync.Mutex
	of  map[complaint]*complaintCount
	// swept is when forget was last called: it looks at everything.
	swept time.Time
}

type complaint struct{ message, host string }

type complaintCount struct {
	since      time.Time
	n          int
	suppressed int
}

func newComplaints(log *slog.Logger) *complaints {
	return &complaints{log: log, of: make(map[complaint]*complaintCount)}
}

// add logs a complaint about a peer, or counts it. The first line of the next
// window tells how many were only counted.
func (c *complaints) add(message string, peer net.Addr, args ...any) {
	if !c.log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	shown, suppressed := c.count(message, hostOf(peer), time.Now())
	if !shown {
		return
	}
	args = append([]any{"peer", peer}, args...)
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	c.log.Info(message, args...)
}

func (c *complaints) count(message, host string, now time.Time) (shown bool, suppressed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := complaint{message, host}
	n, known := c.of[key]
	if !known && len(c.of) >= complaintKinds {
		if now.Sub(c.swept) >= complaintWindow {
			c.forget(now)
		}
		if len(c.of) >= complaintKinds {
			key.host = ""
			n, known = c.of[key]
		}
	}
	if !known {
		n = &complaintCount{since: now}
		c.of[key] = n
	}
	if now.Sub(n.since) >= complaintWindow {
		suppressed = n.suppressed
		*n = complaintCount{since: now}
	}
	if n.n++; n.n > complaintsShown {
		n.suppressed++
		return false, 0
	}
	return true, suppressed
}

// forget drops what is over and has nothing more to tell.
func (c *complaints) forget(now time.Time) {
	c.swept = now
	for key, n := range c.of {
		if now.Sub(n.since) >= complaintWindow && n.suppressed == 0 {
			delete(c.of, key)
		}
	}
}

// tell logs what was counted and not yet told, at the end.
func (c *complaints) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, n := range c.of {
		if n.suppressed > 0 {
			c.log.Info(key.message, "host", key.host, "suppressed", n.suppressed)
		}
	}
}

func hostOf(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	return host
}
