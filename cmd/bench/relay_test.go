package main

import (
	"encoding/json"
	"maps"
	"testing"

	"pacsbridge/dimse/dimsetest"
)

func TestTheRelayCarriesStudiesUnchanged(t *testing.T) {
	old, new := dimsetest.NewArchive("OLDPACS"), dimsetest.NewArchive("NEWPACS")
	for _, archive := range []*dimsetest.Archive{old, new} {
		if _, err := archive.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
	}
	own := dimsetest.Peer{AE: "RELAY", Address: dimsetest.FreeAddress(t)}
	old.AddDestination(own.AE, own.Address)
	order := relayOrder{Own: own, Old: old.Peer(), New: new.Peer(), At: 2}
	for seed := range int64(3) {
		objects := dimsetest.Study(seed, dimsetest.StudyOptions{Modality: "CT", Instances: 4, Rows: 8})
		if err := old.Add(objects...); err != nil {
			t.Fatal(err)
		}
		order.Studies = append(order.Studies, objects[0].StudyUID)
		order.Classes, order.Syntaxes = []string{objects[0].SOPClass}, []string{objects[0].TransferSyntax}
	}
	text, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	if err := runRelay(t.Context(), string(text)); err != nil {
		t.Fatal(err)
	}
	if held := new.Digests(); len(held) != 12 || !maps.Equal(held, old.Digests()) {
		t.Errorf("the new archive holds %d instances of 12, or others: %v", len(held), held)
	}
}
