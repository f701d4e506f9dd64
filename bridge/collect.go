package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Collector brings the listed instances of a study into the spool.
type Collector struct {
	Old     Source
	Other   Source // asked for single instances that Old did not send; nil: nobody
	Inbox   *Inbox
	Spool   *spool.Spool
	Forward *Forwarder    // holds what came unasked; nil: nothing did
	Grace   time.Duration // how long late instances are waited for after the last one; 2 s when zero
	Logger  *slog.Logger

	arrived func(Arrival) // told of each instance that comes in; nil: nobody
}

// IncompleteError names the instances that OLD lists and did not send, asked for
// down to the single instance.
type IncompleteError struct {
	Missing []string // SOP Instance UIDs
	Last    error    // what OLD said when asked for the last of them, if it said anything
}

func (e *IncompleteError) Error() string {
	text := fmt.Sprintf("%d instances asked for and not received", len(e.Missing))
	if len(e.Missing) == 1 {
		text = fmt.Sprintf("instance %s asked for and not received", e.Missing[0])
	}
	if e.Last != nil {
		text += ": " + e.Last.Error()
	}
	return text
}

// Unwrap returns what OLD said last.
func (e *IncompleteError) Unwrap() error { return e.Last }

// Collect asks OLD for the instances that are not in the spool yet: first by
// study, then by series, then one by one. The set that arrived decides, not what
// OLD says about it. Received instances are noted in c whatever the end,
// and now and then in the ledger.
func (k *Collector) Collect(ctx context.Context, c *Collection, notes *logbook) error {
	k.reuse(c)
	if err := k.Forward.bring(k.Spool, c); err != nil {
		return err
	}
	if c.whole() {
		return nil
	}
	arrivals := k.Inbox.Expect(c.Study.UID, k.arrived)
	defer func() { arrivals.Close(c.missing()...) }()
	c.receive(arrivals.Got()) // what came late
	var last error
	for _, step := range k.steps() {
		before := len(c.missing())
		selections := step.plan(c)
		refused, err := step.by.carryOut(ctx, c, selections, arrivals, notes)
		if err != nil {
			return err
		}
		if refused != nil && !errors.Is(refused, errNotOffered) {
			last = refused
		}
		if refused == nil && len(selections) == 1 && selections[0].whole() {
			c.open = false // OLD says that it has sent the whole study
		}
		denied, err := k.judge(ctx, c, arrivals)
		if err != nil {
			return err
		}
		c.mark()
		if err := notes.note(ctx, c.Items); err != nil {
			return err
		}
		missing := c.missing()
		if c.whole() {
			return nil
		}
		if denied > 0 && denied >= before && len(missing) >= before {
			return &FreshUIDError{Arrived: denied, Missing: len(missing)}
		}
		k.Logger.Warn("instances are missing after OLD was asked", "study", c.Study.UID, "missing", len(missing), "error", last)
	}
	if missing := c.missing(); len(missing) > 0 {
		return &IncompleteError{Missing: missing, Last: last}
	}
	return &UnlistedError{Counted: c.counted, Listed: len(c.Instances())}
}

// step is one way of asking for what is missing.
type step struct {
	by   *Collector
	plan func(*Collection) []Selection
}

// steps are the ways, each for less than the one before; the last is another service.
func (k *Collector) steps() []step {
	steps := []step{{k, byStudy}, {k, bySeries}, {k, oneByOne}}
	if k.Other != nil {
		other := *k
		other.Old = k.Other
		steps = append(steps, step{&other, oneByOne})
	}
	return steps
}

// carryOut asks for one selection after the other. refused is what OLD said last
// that was no success; err ends the collecting.
func (k *Collector) carryOut(ctx context.Context, c *Collection, selections []Selection, arrivals *Arrivals, notes *logbook) (refused, err error) {
	overloads := 0
	for _, selection := range selections {
		before := arrivals.count()
		err := k.ask(ctx, c, selection, arrivals)
		c.receive(arrivals.Got())
		if err := notes.note(ctx, c.Items); err != nil {
			return refused, err
		}
		if trouble := arrivals.Trouble(); noRoom(trouble) {
			return refused, trouble
		}
		if fatal(ctx, err) || selection.whole() && answered(unwilling)(err) {
			return refused, err
		}
		if overloads++; !overloadedMove(err) || arrivals.count() > before {
			overloads = 0
		}
		if overloads == patientAsks {
			return refused, err
		}
		if err != nil {
			refused = err
			k.Logger.Debug("OLD did not send all it was asked for", "study", c.Study.UID, "asked", selection.String(), "error", err)
		}
	}
	return refused, nil
}

// patientAsks is after how many answers of an overloaded OLD, without an arrival,
// it is left alone for a while.
const patientAsks = 2

// overloadedMove fits answers to C-MOVE that do not mean the instances asked for.
// A702 may: it is also said when no sub-operation succeeded.
func overloadedMove(err error) bool {
	return answered(func(s dimse.Status) bool { return overloaded(s) && s != dimse.StatusCannotPerformSubOps })(err)
}

// whole reports whether all is received, as far as anybody knows what all is.
func (c *Collection) whole() bool { return len(c.missing()) == 0 && !c.short() }

// fatal reports whether asking for less makes no sense: the run ends, or OLD does
// not know us or cannot be reached at all.
func fatal(ctx context.Context, err error) bool {
	var destination *DestinationError
	return ctx.Err() != nil || errors.As(err, &destination) || unreachable(err)
}

// reuse takes over what an earlier attempt left in the spool, if its digest is
// still the one in the ledger.
func (k *Collector) reuse(c *Collection) {
	for _, it := range c.Instances() {
		if it.Received && it.SHA256 != "" {
			whole, err := k.Spool.Check(c.Study.UID, it.UID, it.SHA256)
			it.Received = err == nil && whole
		} else {
			it.Received = false
		}
	}
}

// ask sends one C-MOVE and waits until what it names has arrived, or nothing has
// come for the grace time after OLD's last word. A set that is complete does not
// wait for OLD's final response any longer than that either.
func (k *Collector) ask(ctx context.Context, c *Collection, s Selection, arrivals *Arrivals) error {
	arrivals.Await(c.asked(s))
	switch {
	case s.whole() && c.open:
		arrivals.AwaitMore(math.MaxInt) // the final response tells
	case s.whole() && c.short():
		arrivals.AwaitMore(c.counted)
	}
	s.Classes = c.classes(s)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	final := make(chan error, 1)
	go func() { final <- k.Old.Retrieve(ctx, s, arrivals.Last) }()

	answered := false
	grace := time.NewTimer(k.grace())
	defer grace.Stop()
	grace.Stop() // it runs from OLD's final response, or from the last arrival
	for !(answered && arrivals.Complete()) {
		select {
		case err := <-final:
			if err != nil {
				return err // OLD says itself that it has not sent all
			}
			answered = true
			grace.Reset(k.grace())
		case <-arrivals.bell:
			if answered || arrivals.Complete() {
				grace.Reset(k.grace())
			}
		case <-grace.C:
			if arrivals.Coming() {
				continue // the bell rings when it is here
			}
			if !answered {
				stop()
				<-final // all has arrived, and OLD keeps its final response to itself
			}
			return nil
		}
	}
	return nil
}

// grace is none where instances come before the answer.
func (k *Collector) grace() time.Duration {
	if _, at := k.Old.(interface{ immediate() }); at {
		return time.Nanosecond
	}
	return orDefault(k.Grace, 2*time.Second)
}

// byStudy asks for the whole study, unless part of it is in the spool already and
// the list of its instances is whole.
func byStudy(c *Collection) []Selection {
	if len(c.missing()) < len(c.Instances()) && !c.short() {
		return nil
	}
	return []Selection{{StudyUID: c.Study.UID}}
}

// bySeries asks for each series of which nothing has arrived as a whole, and for
// what is missing of the others by a list of instances.
func bySeries(c *Collection) []Selection {
	var selections []Selection
	for _, series := range c.series() {
		switch missing := series.missing(); {
		case len(missing) == 0:
		case len(missing) == len(series.items):
			selections = append(selections, Selection{StudyUID: c.Study.UID, SeriesUID: series.uid})
		default:
			selections = append(selections, Selection{StudyUID: c.Study.UID, SeriesUID: series.uid, Instances: missing})
		}
	}
	return selections
}

// oneByOne asks for each missing instance alone: one that OLD cannot send must
// not keep others back.
func oneByOne(c *Collection) []Selection {
	var selections []Selection
	for _, series := range c.series() {
		for _, uid := range series.missing() {
			selections = append(selections, Selection{StudyUID: c.Study.UID, SeriesUID: series.uid, Instances: []string{uid}})
		}
	}
	return selections
}

// receive notes in the items what has arrived.
func (c *Collection) receive(got map[string]Arrival) {
	for _, it := range c.Instances() {
		a, ok := got[it.UID]
		if !ok || it.Received {
			continue
		}
		it.Received = true
		if it.Stored && it.SHA256 != "" && it.SHA256 != a.SHA256 {
			c.others = append(c.others, a)
			it.Warning = remark(it.Warning, "another data set of this UID came after NEW had stored this one, with SHA-256 "+a.SHA256+"; it was put aside")
		} else {
			it.SOPClass, it.TransferSyntax, it.Bytes, it.SHA256 = a.SOPClass, a.TransferSyntax, a.Bytes, a.SHA256
		}
		if a.Conflict != "" {
			it.Warning = a.Conflict
		}
		if it.State == staging.ItemFailed {
			it.State, it.Class, it.Reason = staging.ItemPending, "", ""
		}
	}
}
