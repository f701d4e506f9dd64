package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
)

// tryMove asks OLD to send us a study that is not there: an OLD that does not know
// our AE title says so (A801) before it looks. Our port must be free for the SCP,
// or be held by a running node.
func (r *rig) tryMove(ctx context.Context) (string, error) {
	listener, err := listen(r.settings)
	switch {
	case err == nil:
		defer listener.Close()
	case !errors.Is(err, errPortTaken):
		return "", err
	}
	told := r.old.Logger
	r.old.Logger = slog.New(slog.DiscardHandler) // what the answer may mean is found out here
	err = r.old.Retrieve(ctx, bridge.Selection{StudyUID: nowhere}, time.Now)
	r.old.Logger = told
	var unmoved *bridge.UnmovedError
	if errors.As(err, &unmoved) {
		return r.tryMoveOne(ctx, listener)
	}
	var status *dimse.StatusError
	if errors.As(err, &status) && status.Status != dimse.StatusMoveDestination {
		return fmt.Sprintf("%s; it answers a study it does not hold with %s", r.settings.Node.AETitle, status.Status), nil
	}
	return r.settings.Node.AETitle, r.explain(err)
}

// tryMoveOne asks OLD to send us one instance, which is not kept: Orthanc answers Cxxx
// for a study that it does not hold, for a destination that it does not know, and for
// one that refuses what it sends. Without a listener a running node holds our port.
func (r *rig) tryMoveOne(ctx context.Context, listener net.Listener) (string, error) {
	if listener == nil {
		return "not known while a node holds our port", nil
	}
	one, err := r.someInstance(ctx)
	if err != nil {
		return "", r.explain(err)
	}
	if one.StudyUID == "" {
		return "not known: it holds nothing that it could be asked for", nil
	}
	err = r.receiving(ctx, listener, taker{}, func(ctx context.Context) error { return r.old.Retrieve(ctx, one, time.Now) })
	var unmoved *bridge.UnmovedError
	var status *dimse.StatusError
	switch {
	case errors.As(err, &unmoved):
		return "", r.explain(&bridge.DestinationError{AE: unmoved.AE, Err: err})
	case err != nil && !errors.As(err, &status):
		return "", r.explain(err)
	}
	return r.settings.Node.AETitle + "; it sends to us", nil
}

// taker takes instances and keeps none.
type taker struct{}

// Store reads the instance to its end.
func (taker) Store(_ context.Context, in *dimse.Instance) error {
	_, err := io.Copy(io.Discard, in.Data)
	return err
}

// someInstance is one that OLD holds; none where it holds nothing.
func (r *rig) someInstance(ctx context.Context) (bridge.Selection, error) {
	for study, err := range r.old.Studies(ctx, bridge.StudyQuery{}) {
		if err != nil {
			return bridge.Selection{}, err
		}
		listed, err := r.old.Instances(ctx, study.UID)
		if len(listed) > 0 { // if not all, then some
			return bridge.Selection{StudyUID: study.UID, SeriesUID: listed[0].SeriesUID, Instances: []string{listed[0].UID}}, nil
		}
		if err != nil {
			return bridge.Selection{}, err
		}
	}
	return bridge.Selection{}, nil
}
