package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// The contenders of the pairs.
const (
	dcmtkPair = "dcmtk to dcmtk"
	toDCMTK   = "ours to dcmtk"
	toOurs    = "dcmtk to ours"
	oursOurs  = "ours to ours"
)

// pairs measures dimse alone against DCMTK's own pair, over one association, with
// the files read by the sender and forgotten by the receiver.
func (b *bench) pairs(name, corpus string, times int) func(context.Context, *stage) error {
	return func(ctx context.Context, t *stage) error {
		c, err := b.corpus(corpus)
		if err != nil {
			return err
		}
		to := startSink(t, "SINK", 0, c)
		scp := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{Args: []string{"--max-pdu", maxPDU, "--ignore"}})
		start, err := b.storescuStart(ctx, to.peer, c)
		if err != nil {
			return err
		}
		for range b.rounds {
			for _, contender := range []struct {
				name string
				send sender
				to   dimsetest.Peer
			}{
				{dcmtkPair, sendByStorescu(start), scp.Peer}, {toDCMTK, sendByOurs, scp.Peer},
				{toOurs, sendByStorescu(start), to.peer}, {oursOurs, sendByOurs, to.peer},
			} {
				to.clear(ctx)
				runtime.GC()
				l, err := contender.send(ctx, contender.to, c, times)
				if held, _ := to.holdings(ctx); err == nil && contender.to == to.peer && len(held) != len(c.items()) {
					err = fmt.Errorf("%d of %d instances arrived", len(held), len(c.items()))
				}
				l.err = err
				b.results.add(name, contender.name, l)
			}
		}
		for _, contender := range []string{dcmtkPair, toDCMTK, toOurs, oursOurs} {
			fmt.Printf("  %-16s %s\n", contender, b.results.of(name, contender))
		}
		return nil
	}
}

// storescuStart is what storescu takes to start and send one instance: it is taken
// off its times, since an association that lasts starts once.
func (b *bench) storescuStart(ctx context.Context, to dimsetest.Peer, c *corpus) (time.Duration, error) {
	var walls []float64
	one := &corpus{studies: []study{{items: c.items()[:1]}}}
	for range 5 {
		l, err := sendByStorescu(0)(ctx, to, one, 1)
		if err != nil {
			return 0, err
		}
		walls = append(walls, float64(l.wall))
	}
	return time.Duration(median(walls)), nil
}

func sendByStorescu(start time.Duration) sender {
	return func(ctx context.Context, to dimsetest.Peer, c *corpus, times int) (lap, error) {
		t := &tools{}
		args := []string{"--required", "--max-pdu", maxPDU, "-aec", to.AE, to.Host(), to.Port()}
		for range times {
			args = append(args, c.files()...)
		}
		l := lap{bytes: c.bytes * int64(times), instances: len(c.items()) * times}
		began := time.Now()
		_, err := t.run(ctx, "storescu", args...)
		l.wall, l.mover = time.Since(began)-start, t.used
		return l, err
	}
}

func sendByOurs(ctx context.Context, to dimsetest.Peer, c *corpus, times int) (lap, error) {
	return sendOn(ctx, &dimse.Dialer{Address: to.Address, CallingAE: movesAs, CalledAE: to.AE}, c, times, 1)
}

// sendOn sends the files of a corpus over one association, so many at a time.
func sendOn(ctx context.Context, dialer *dimse.Dialer, c *corpus, times, at int) (lap, error) {
	l := lap{bytes: c.bytes * int64(times), instances: len(c.items()) * times}
	before, began := ownUsage(), time.Now()
	proposal := dimse.Proposal{SOPClass: c.items()[0].sopClass, TransferSyntaxes: []string{uid.ExplicitLE}}
	a, err := dialer.Dial(ctx, []dimse.Proposal{proposal})
	if err != nil {
		return l, err
	}
	var mu sync.Mutex
	var answers []time.Duration
	var items []item
	for range times {
		items = append(items, c.items()...)
	}
	err = spread(ctx, at, items, func(ctx context.Context, i item) error {
		sent := time.Now()
		err := sendFile(ctx, a, i)
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, time.Since(sent))
		return err
	})
	if err != nil {
		a.Abort()
		return l, err
	}
	err = a.Release(ctx)
	l.wall, l.mover = time.Since(began), ownUsage().since(before)
	slices.Sort(answers)
	l.p99 = answers[len(answers)*99/100]
	return l, err
}

func sendFile(ctx context.Context, a *dimse.Association, i item) error {
	f, err := os.Open(i.file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, data, err := dataset.ReadPart10(f)
	if err != nil {
		return err
	}
	_, err = a.Store(ctx, dimse.StoreRequest{SOPClass: i.sopClass, SOPInstance: i.uid, TransferSyntax: i.transferSyntax, Data: data, Size: i.bytes})
	return err
}

// shippedStorescp sends small instances over one association to a storescp that
// has Nagle's algorithm on: without care on our side each answer waits 40 ms.
func (b *bench) shippedStorescp(ctx context.Context, t *stage) error {
	c, err := b.corpus("small")
	if err != nil {
		return err
	}
	scp := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{Nagle: true, Args: []string{"--ignore"}})
	for range b.rounds {
		l, err := sendByOurs(ctx, scp.Peer, c, 1)
		l.err = err
		b.results.add(shippedOne, toDCMTK, l)
	}
	fmt.Printf("  %-16s %s\n", toDCMTK, b.results.of(shippedOne, toDCMTK))
	return nil
}

// The contenders of the asynchronous window.
const oneOpen, sixteenOpen = "one open", "sixteen open"

// asyncWindow sends over a long distance with one operation open, and with 16.
func (b *bench) asyncWindow(ctx context.Context, t *stage) error {
	c, err := b.corpus("ct")
	if err != nil {
		return err
	}
	c = c.first(5)
	to := startSink(t, "SINK", away, c)
	var errs []error
	for range b.rounds {
		for _, contender := range []struct {
			name string
			open int
			load *corpus
		}{{oneOpen, 1, c.first(1)}, {sixteenOpen, 16, c}} {
			to.clear(ctx)
			dialer := &dimse.Dialer{Address: to.peer.Address, CallingAE: movesAs, CalledAE: to.peer.AE, AsyncWindow: uint16(contender.open)}
			l, err := sendOn(ctx, dialer, contender.load, 1, contender.open)
			if held, _ := to.holdings(ctx); err == nil && len(held) != len(contender.load.items()) {
				err = io.ErrShortWrite
			}
			l.err = err
			errs = append(errs, err)
			b.results.add(asyncCT, contender.name, l)
		}
	}
	for _, name := range []string{oneOpen, sixteenOpen} {
		fmt.Printf("  %-16s %s\n", name, b.results.of(asyncCT, name))
	}
	return errors.Join(errs...)
}

// sender sends the files of a corpus so many times over one association.
type sender func(ctx context.Context, to dimsetest.Peer, c *corpus, times int) (lap, error)
