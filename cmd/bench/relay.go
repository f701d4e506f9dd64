package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// bare is the name of the relay among the contenders. It is no bridge: it is told
// what to fetch, keeps no account, and proves nothing. It passes each instance on
// while it arrives, through SHA-256, and shows what any bridge can reach here.
const bare = "relay ×4"

// relayVerb makes this program the relay, as a process of its own.
const relayVerb = "relay"

// relayOrder is what the relay is told.
type relayOrder struct {
	Own, Old, New    dimsetest.Peer
	At               int // studies, and associations to NEW, at a time
	Studies, Classes []string
	Syntaxes         []string
}

// relayed carries a corpus by the relay.
func (r *race) relayed(ctx context.Context, c *corpus) (usage, error) {
	order := relayOrder{Own: r.own, Old: r.old, New: r.new, At: 4}
	classes, syntaxes := map[string]bool{}, map[string]bool{}
	for _, s := range c.studies {
		order.Studies = append(order.Studies, s.uid)
		for _, i := range s.items {
			classes[i.sopClass], syntaxes[i.transferSyntax] = true, true
		}
	}
	order.Classes, order.Syntaxes = slices.Sorted(maps.Keys(classes)), slices.Sorted(maps.Keys(syntaxes))
	text, err := json.Marshal(order)
	if err != nil {
		return usage{}, err
	}
	program, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	t := &tools{nagle: true}
	_, err = t.run(ctx, program, relayVerb, string(text))
	return t.used, err
}

// relay is the process.
type relay struct {
	relayOrder
	free chan *dimse.Association // to NEW
}

func runRelay(ctx context.Context, text string) (err error) {
	r := &relay{}
	if err := json.Unmarshal([]byte(text), &r.relayOrder); err != nil {
		return err
	}
	r.free = make(chan *dimse.Association, r.At)
	for range r.At {
		a, err := r.dial(ctx, r.New, r.storage()...)
		if err != nil {
			return err
		}
		defer a.Abort()
		r.free <- a
	}
	listener, err := net.Listen("tcp", r.Own.Address)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	server := &dimse.Server{Handlers: dimse.Handlers{Store: r}}
	go func() { ended <- server.Serve(serving, listener) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	return spread(ctx, r.At, r.Studies, r.move)
}

func (r *relay) dial(ctx context.Context, to dimsetest.Peer, proposals ...dimse.Proposal) (*dimse.Association, error) {
	dialer := &dimse.Dialer{Address: to.Address, CallingAE: r.Own.AE, CalledAE: to.AE}
	return dialer.Dial(ctx, proposals)
}

func (r *relay) storage() []dimse.Proposal {
	var list []dimse.Proposal
	for _, class := range r.Classes {
		for _, syntax := range r.Syntaxes {
			list = append(list, dimse.Proposal{SOPClass: class, TransferSyntaxes: []string{syntax}})
		}
	}
	return list
}

// move has OLD send one study here.
func (r *relay) move(ctx context.Context, study string) error {
	a, err := r.dial(ctx, r.Old, dimse.Proposal{SOPClass: uid.StudyRootMove, TransferSyntaxes: []string{uid.ImplicitLE}})
	if err != nil {
		return err
	}
	wanted := dataset.New().SetString(dataset.QueryRetrieveLevel, "STUDY").SetString(dataset.StudyInstanceUID, study)
	result, err := a.Move(ctx, dimse.MoveRequest{SOPClass: uid.StudyRootMove, Destination: r.Own.AE, Identifier: wanted})
	if err != nil {
		a.Abort()
		return err
	}
	if result.Failed > 0 {
		return fmt.Errorf("move %s: %d instances failed", study, result.Failed)
	}
	return a.Release(ctx)
}

// Store passes an instance on while it arrives.
func (r *relay) Store(ctx context.Context, in *dimse.Instance) error {
	a := <-r.free
	defer func() { r.free <- a }()
	_, err := a.Store(ctx, dimse.StoreRequest{SOPClass: in.SOPClass, SOPInstance: in.SOPInstance,
		TransferSyntax: in.TransferSyntax, Data: io.TeeReader(in.Data, sha256.New()), Size: -1})
	return err
}
