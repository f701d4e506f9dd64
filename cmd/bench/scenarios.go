package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pacsbridge/dimse/dimsetest"
)

// The scenarios, as the table names them.
const (
	dcmqrscpCT  = "dcmqrscp to sink, ct"
	dcmqrscpUS  = "dcmqrscp to sink, clips"
	orthancCT   = "Orthanc to Orthanc, ct"
	orthancCR   = "Orthanc to Orthanc, cr"
	orthancUS   = "Orthanc to Orthanc, us"
	orthancTiny = "Orthanc to Orthanc, small"
	orthancPack = "Orthanc to Orthanc, compressed"
	shippedCT   = "Orthanc to Orthanc as shipped, ct"
	distantCT   = "dcmqrscp to sink 20 ms away, ct"
	pairCT      = "one association, ct"
	pairSmall   = "one association, small"
	shippedOne  = "one association to storescp as shipped, small"
	asyncCT     = "one association 20 ms away, ct"
	startOnly   = "start and end"
	ledgerCost  = "bookkeeping"
)

// away is the round trip of a distant PACS.
const away = 20 * time.Millisecond

func (b *bench) scenarios() []scenario {
	return []scenario{
		{startOnly, b.nothing},
		{dcmqrscpCT, b.fromDcmqrscp(dcmqrscpCT, "ct", 0, everybody)},
		{dcmqrscpUS, b.clips},
		{orthancCT, b.fromOrthanc(orthancCT, "ct", false)},
		{orthancCR, b.fromOrthanc(orthancCR, "cr", false)},
		{orthancUS, b.fromOrthanc(orthancUS, "us", false)},
		{orthancTiny, b.fromOrthanc(orthancTiny, "small", false)},
		{orthancPack, b.fromOrthanc(orthancPack, "pack", false)},
		{shippedCT, b.fromOrthanc(shippedCT, "ct", true)},
		{distantCT, b.fromDcmqrscp(distantCT, "ct", away, withoutSingles)},
		{pairCT, b.pairs(pairCT, "ct", 2)},
		{pairSmall, b.pairs(pairSmall, "small", 5)},
		{shippedOne, b.shippedStorescp},
		{asyncCT, b.asyncWindow},
		{ledgerCost, b.bookkeeping},
	}
}

// fromDcmqrscp has those whom choose leaves carry a corpus from DCMTK's archive to the
// sink.
func (b *bench) fromDcmqrscp(name, corpus string, distance time.Duration, choose func([]contender) []contender) func(context.Context, *stage) error {
	return func(ctx context.Context, t *stage) error {
		c, err := b.corpus(corpus)
		if err != nil {
			return err
		}
		if distance > 0 {
			c = c.first(len(c.studies) / 3)
		}
		to := startSink(t, "NEWPACS", distance, c)
		r := &race{bench: b, name: name, corpus: c, to: to, new: to.peer, settings: b.settings}
		if distance > 0 {
			r.settings.newAssociations *= 2
		}
		old := dimsetest.StartDcmqrscp(t, dimsetest.DcmqrscpOptions{AE: "OLDPACS", Destinations: r.prepare(t)})
		r.old, r.oldPID = old.Peer, old.Pid()
		if err := loadDcmqrscp(ctx, old, c); err != nil {
			return err
		}
		return r.run(ctx, choose(r.usual())...)
	}
}

// clips has the node carry so many large objects that what it takes once, to start and
// to get its memory, is a small part. It is set as for an archive of large objects: few
// at a time keep two cores busy, and all that are under way have room in memory.
func (b *bench) clips(ctx context.Context, t *stage) error {
	own := *b
	own.settings = nodeSettings{oldAssociations: 3, newAssociations: 2, workers: 2, memory: 1024, more: b.settings.more}
	return own.fromDcmqrscp(dcmqrscpUS, "clips", 0, func(list []contender) []contender {
		return slices.DeleteFunc(withoutSingles(list), func(c contender) bool { return strings.HasPrefix(c.name, "script") })
	})(ctx, t)
}

func everybody(list []contender) []contender { return list }

// withoutSingles leaves out those who carry one study at a time: they are in no
// line of the table but for ct.
func withoutSingles(list []contender) []contender {
	return slices.DeleteFunc(list, func(c contender) bool { return strings.HasSuffix(c.name, "×1") })
}

// loadDcmqrscp stores the corpus on one association: its index bears no more.
func loadDcmqrscp(ctx context.Context, old *dimsetest.Dcmqrscp, c *corpus) error {
	dir := filepath.Dir(c.studies[0].items[0].file)
	if len(c.files()) < len(c.studies) {
		return fmt.Errorf("corpus %s is empty", c.name)
	}
	t := &tools{}
	args := []string{"--required", "--max-pdu", maxPDU, "-aec", old.AE, old.Host(), old.Port()}
	_, err := t.run(ctx, "storescu", append(args, c.files()...)...)
	if err != nil {
		return fmt.Errorf("load %s: %w", dir, err)
	}
	return nil
}

// fromOrthanc carries a corpus between two Orthancs.
func (b *bench) fromOrthanc(name, corpus string, nagle bool) func(context.Context, *stage) error {
	return func(ctx context.Context, t *stage) error {
		c, err := b.corpus(corpus)
		if err != nil {
			return err
		}
		if corpus == "ct" {
			c = c.first(len(c.studies) / 2) // Orthanc takes its time, and more than twice as much for twice as many
		}
		to := orthanc{dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "NEWPACS", Nagle: nagle})}
		r := &race{bench: b, name: name, corpus: c, nagle: nagle, to: to, new: to.Peer, settings: b.settings}
		peers := map[string]any{"OrthancPeers": map[string]any{"new": []string{to.URL + "/"}}}
		old := orthanc{dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "OLDPACS", Nagle: nagle,
			Modalities: r.prepare(t), Settings: peers})}
		r.old, r.oldPID, r.transfer = old.Peer, old.Pid(), old.transfer
		if err := old.load(ctx, c); err != nil {
			return fmt.Errorf("load the old PACS: %w", err)
		}
		contenders := r.usual()
		switch {
		case nagle: // what waits for Nagle's algorithm gets less to do
			contenders[0].share, contenders[1].share, contenders[2].share, contenders[3].share = 0.1, 0.4, 0.1, 0.4
		case corpus == "pack": // storescu proposes compressed syntaxes one at a time
			contenders = contenders[3:]
		case corpus != "ct":
			contenders = withoutSingles(contenders)
		}
		return r.run(ctx, contenders...)
	}
}

// nothing is what pacsbridge takes for an empty range.
func (b *bench) nothing(ctx context.Context, t *stage) error {
	c := &corpus{name: "none"}
	old, new := startSink(t, "OLDPACS", 0, c), startSink(t, "NEWPACS", 0, c)
	r := &race{bench: b, name: startOnly, corpus: c, old: old.peer, to: new, new: new.peer, settings: b.settings,
		own: dimsetest.Peer{AE: "PACSBRIDGE", Address: dimsetest.FreeAddress(t)}}
	own := r.contender(ours, b.binary)
	for range b.rounds {
		if err := own.ready(ctx); err != nil {
			return err
		}
		began := time.Now()
		used, err := own.carry(ctx, c)
		if err != nil {
			return err
		}
		b.results.add(startOnly, ours, lap{wall: time.Since(began), mover: used, bytes: 1, instances: 1,
			memory: b.settings.memory})
	}
	laps := b.results.of(startOnly, ours)
	fmt.Printf("  %-16s %.3f s, %.3f s of CPU\n", ours, laps.median(func(l lap) float64 { return l.wall.Seconds() }),
		laps.median(func(l lap) float64 { return l.mover.cpu.Seconds() }))
	return nil
}
