package bridge

import (
	"maps"
	"sync"
	"time"
)

// Arrivals is what has come in for one study since Expect.
type Arrivals struct {
	inbox    *Inbox
	studyUID string
	tell     func(Arrival) // or nil
	bell     chan struct{} // rung at each arrival, and when what was on its way is here or lost

	mu      sync.Mutex
	got     map[string]Arrival
	awaited map[string]bool // what Await named and has not come yet
	atLeast int             // and how many must have come in all
	last    time.Time
	onWay   int // instances that are being received
	trouble error
}

// coming notes that an instance is being received, until what it returns is called.
func (a *Arrivals) coming() (done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.onWay++
	return func() {
		a.mu.Lock()
		a.onWay--
		a.mu.Unlock()
		a.ring()
	}
}

// Coming reports whether an instance is being received.
func (a *Arrivals) Coming() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.onWay > 0
}

// Last returns when an instance came in last: now, while one is being received, since
// our Storage SCP has its own patience with the rest of it; zero before the first.
func (a *Arrivals) Last() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.onWay > 0 {
		return time.Now()
	}
	return a.last
}

// fail notes that we could not take an instance in.
func (a *Arrivals) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trouble = err
}

// Trouble returns why an instance could not be taken in, the last such reason.
func (a *Arrivals) Trouble() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.trouble
}

// Await says which instances are waited for now.
func (a *Arrivals) Await(uids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.atLeast = 0
	a.awaited = make(map[string]bool, len(uids))
	for _, uid := range uids {
		if _, here := a.got[uid]; !here {
			a.awaited[uid] = true
		}
	}
}

// AwaitMore says that so many instances are waited for, named or not.
func (a *Arrivals) AwaitMore(all int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.atLeast = all
}

// Complete reports whether all that Await named has arrived.
func (a *Arrivals) Complete() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.awaited) == 0 && len(a.got) >= a.atLeast
}

func (a *Arrivals) add(arrival Arrival) {
	a.mu.Lock()
	if first, again := a.got[arrival.UID]; again && first.Conflict != "" {
		arrival.Conflict = first.Conflict
	}
	a.got[arrival.UID] = arrival
	delete(a.awaited, arrival.UID)
	a.last = time.Now()
	a.mu.Unlock()
	if a.tell != nil {
		a.tell(arrival)
	}
	a.ring()
}

func (a *Arrivals) ring() {
	select {
	case a.bell <- struct{}{}:
	default:
	}
}

// Got returns what has arrived so far, by SOP Instance UID.
func (a *Arrivals) Got() map[string]Arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.got)
}

// count tells how many have arrived so far.
func (a *Arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.got)
}

// forget drops an arrival that is in the spool no more.
func (a *Arrivals) forget(uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.got, uid)
}

// Close shuts the inbox for the study. What was missing is still taken in for a
// while, for the next attempt; what else comes later nobody has asked for.
func (a *Arrivals) Close(missing ...string) {
	a.inbox.closed.want(a.studyUID, missing)
	a.inbox.mu.Lock()
	defer a.inbox.mu.Unlock()
	if a.inbox.open[a.studyUID] == a {
		delete(a.inbox.open, a.studyUID)
	}
}
