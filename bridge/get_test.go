package bridge_test

import (
	"context"
	"errors"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// gets makes the crossing retrieve by C-GET. OLD does not know where else to send.
func (x *crossing) gets() {
	old := x.migrator.Old.(*bridge.Peer)
	x.migrator.Collect.Old = &bridge.Getter{Peer: old, Into: x.inbox}
	x.old.AddDestination(ourAE, "127.0.0.1:1")
}

func TestFailureModesOfRetrievalByGet(t *testing.T) {
	type faults = dimsetest.MoveFaults
	getting := func(f func(only dimsetest.Pick) faults) func(x *crossing) {
		return func(x *crossing) {
			x.gets()
			moves(f)(x)
		}
	}
	noMoves := func(x *crossing) {
		x.wantAll()
		wantMoves(0)(x)
	}
	meet(t, []mode{
		{name: "all is well", studies: 12, arrange: (*crossing).gets, check: noMoves},
		{name: "B000 with failed list", check: noMoves, arrange: getting(func(only dimsetest.Pick) faults {
			return faults{Fail: dimsetest.First(1, only)}
		})},
		{name: "withheld once", check: noMoves, arrange: getting(func(only dimsetest.Pick) faults {
			return faults{Withhold: dimsetest.First(1, only), Success: true}
		})},
		{name: "withheld for ever", class: staging.Incomplete, arrange: getting(func(only dimsetest.Pick) faults {
			return faults{Withhold: only, Success: true}
		})},
		{name: "abort in the middle of a study", check: noMoves, arrange: getting(func(dimsetest.Pick) faults {
			return faults{AbortAfter: 2, AbortMoves: 5}
		})},
		{name: "no final response", check: noMoves, arrange: getting(func(dimsetest.Pick) faults { return faults{NoFinal: true} })},
		{name: "duplicates", check: noMoves, arrange: getting(func(dimsetest.Pick) faults { return faults{Twice: dimsetest.Always} })},
		{name: "A701 for a while", check: noMoves, arrange: getting(func(dimsetest.Pick) faults {
			return faults{Refuse: dimsetest.RefuseFirst(5, dimse.StatusCannotCountMatches)}
		})},
		{name: "new UIDs on each retrieve", class: staging.Incomplete, victims: all, arrange: getting(func(dimsetest.Pick) faults {
			return faults{FreshUIDs: true}
		}), check: func(x *crossing) { x.wantQuarantined(len(all(x))) }},
		{name: "what OLD cannot send to us comes by C-GET, one by one", arrange: func(x *crossing) {
			x.migrator.Collect.Other = &bridge.Getter{Peer: x.migrator.Old.(*bridge.Peer), Into: x.inbox, Spare: true}
			x.old.AddDestination(ourAE, "127.0.0.1:1")
		}, check: func(x *crossing) {
			x.wantAll()
			if n := x.old.Counts().Gets; n != len(all(x)) {
				x.t.Errorf("%d C-GETs for %d instances", n, len(all(x)))
			}
		}},
		{name: "no second way", class: staging.Incomplete, arrange: func(x *crossing) {
			x.migrator.Collect.Other = &bridge.Getter{Peer: x.migrator.Old.(*bridge.Peer), Into: x.inbox, Spare: true}
			x.old.SetFaults(dimsetest.Faults{Association: withoutGet, Move: faults{Withhold: dimsetest.Only(victim(x)), Success: true}})
		}},
	})
}

// withoutGet refuses C-GET.
var withoutGet = dimsetest.AssociationFaults{RefuseContext: func(class, _ string) bool { return class == uid.StudyRootGet }}

func TestAnOldThatOffersNoGetStopsTheRunThatWantsIt(t *testing.T) {
	t.Parallel()
	x := cross(t, 2)
	x.gets()
	x.old.SetFaults(dimsetest.Faults{Association: withoutGet})
	var none *bridge.GetNotOfferedError
	if err := x.run(); !errors.As(err, &none) {
		t.Fatalf("run ended with %v, want a GetNotOfferedError", err)
	}
	check(t, x.queue.Stop(context.Background()))
	if s := x.status(); s.Studies.Failed > 0 {
		t.Errorf("studies %+v, want all waiting", s.Studies)
	}
}

func TestMoreClassesThanOneGetHasRoomFor(t *testing.T) {
	t.Parallel()
	x := cross(t, 0)
	for i, o := range dimsetest.Study(77, dimsetest.StudyOptions{Date: "20260105", Instances: 60, Rows: 8}) {
		o.SOPClass = uid.Derive("private class", string(rune('a'+i)))
		d := must(dataset.Decode(o.Data, o.TransferSyntax))(t)
		o.Data = must(d.SetString(dataset.SOPClassUID, o.SOPClass).AppendTo(nil, o.TransferSyntax))(t)
		o.Size = int64(len(o.Data))
		check(t, x.old.Add(o))
	}
	x.gets()
	check(t, x.run())
	x.wantAll()
}
