package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"pacsbridge/dimse/dimsetest"
)

// target is a new PACS whose content can be compared and thrown away.
type target interface {
	holdings(context.Context) (map[string]digest, error)
	clear(context.Context) error
	usage() usage
}

// race is a pair of archives, and those who carry a corpus from one to the other.
type race struct {
	*bench
	name   string
	corpus *corpus
	nagle  bool

	old      dimsetest.Peer
	oldPID   int
	new      dimsetest.Peer // where the contenders send, perhaps through a slow link
	to       target
	own      dimsetest.Peer        // pacsbridge
	spools   []*dimsetest.Storescp // of the script, one for each study at a time
	transfer func(context.Context, *corpus) error
	settings nodeSettings

	control map[string]digest
}

// contender carries the studies of a corpus across and tells what that took.
type contender struct {
	name  string
	share float64                     // part of the corpus that it is given, so that the slow do not take all day
	ready func(context.Context) error // what comes before the clock is started; nil: nothing
	carry func(context.Context, *corpus) (usage, error)
}

// prepare names the peers that OLD must know, before it is started.
func (r *race) prepare(t *stage) []dimsetest.Peer {
	r.own = dimsetest.Peer{AE: "PACSBRIDGE", Address: dimsetest.FreeAddress(t)}
	known := []dimsetest.Peer{r.own, r.new}
	for i := range 4 {
		spool := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{AE: fmt.Sprintf("SPOOL%d", i), Nagle: r.nagle, Args: []string{"--max-pdu", maxPDU}})
		r.spools, known = append(r.spools, spool), append(known, spool.Peer)
	}
	return known
}

// run lets the contenders carry in turn: A B A B. The first direct push is not
// measured: it warms the caches up, and what it brings is the control.
func (r *race) run(ctx context.Context, contenders ...contender) error {
	if _, err := r.direct(4)(ctx, r.corpus); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	held, err := r.to.holdings(ctx)
	if err != nil {
		return err
	}
	r.control = held
	for _, i := range r.corpus.items() {
		if _, arrived := held[i.uid]; !arrived {
			return fmt.Errorf("control: instance %s did not arrive", i.uid)
		}
	}
	contenders = slices.DeleteFunc(contenders, func(c contender) bool { return !r.who.MatchString(c.name) })
	for round := range r.rounds {
		// Each round begins with another one: what ran before leaves its traces.
		first := round % max(len(contenders), 1)
		for _, c := range slices.Concat(contenders[first:], contenders[:first]) {
			if err := r.to.clear(ctx); err != nil {
				return err
			}
			if err := r.lap(ctx, c); err != nil {
				return err
			}
		}
	}
	for _, c := range contenders {
		fmt.Printf("  %-16s %s\n", c.name, r.results.of(r.name, c.name))
	}
	return nil
}

// lap is one run of one contender.
func (r *race) lap(ctx context.Context, c contender) error {
	load := r.corpus
	if c.share > 0 {
		load = r.corpus.first(max(1, int(c.share*float64(len(r.corpus.studies)))))
	}
	if c.ready != nil {
		if err := c.ready(ctx); err != nil {
			return fmt.Errorf("%s: get ready: %w", c.name, err)
		}
	}
	runtime.GC()
	old, new := groupUsage(r.oldPID), r.to.usage()
	began := time.Now()
	used, err := c.carry(ctx, load)
	l := lap{wall: time.Since(began), bytes: load.bytes, instances: len(load.items()), studies: len(load.studies), mover: used,
		memory: r.settings.memory}
	l.old, l.new = groupUsage(r.oldPID).since(old), r.to.usage().since(new)
	if err == nil {
		err = r.compare(ctx, load)
	}
	if ctx.Err() != nil {
		return ctx.Err() // a run that was stopped is none
	}
	l.err = err
	r.results.add(r.name, c.name, l)
	if err != nil {
		fmt.Printf("  %s: does not count: %v\n", c.name, err)
	}
	return nil
}

// compare demands that NEW holds what the control held of the load, and no more.
func (r *race) compare(ctx context.Context, load *corpus) error {
	held, err := r.to.holdings(ctx)
	if err != nil {
		return fmt.Errorf("look at what arrived: %w", err)
	}
	lost, altered := 0, 0
	for _, i := range load.items() {
		d, here := held[i.uid]
		switch {
		case !here:
			lost++
		case d != r.control[i.uid]:
			altered++
		}
	}
	if extra := len(held) - len(load.items()) + lost; lost+altered+extra > 0 {
		return fmt.Errorf("of %d instances %d were lost, %d altered, and %d came that should not", len(load.items()), lost, altered, extra)
	}
	return nil
}

// usual are the contenders of most races.
func (r *race) usual() []contender {
	list := []contender{
		{name: "script ×1", carry: r.script(1)}, {name: "script ×4", carry: r.script(4)},
		{name: "direct ×1", carry: r.direct(1)}, {name: "direct ×4", carry: r.direct(4)},
	}
	if r.transfer != nil {
		list = append(list, contender{name: "http ×4", carry: func(ctx context.Context, c *corpus) (usage, error) {
			return usage{}, r.transfer(ctx, c)
		}})
	}
	list = append(list, contender{name: bare, carry: r.relayed})
	if r.before != "" {
		list = append(list, r.contender(formerly, r.before))
	}
	return append(list, r.contender(ours, r.binary))
}

// pacsbridge among the contenders.
const (
	ours     = "pacsbridge"
	formerly = "pacsbridge before" // an earlier build
)

// fileName is the race's name for use in a path.
func (r *race) fileName() string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, r.name)
}
