package bridge_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// hospitalRules are those of a hospital that gets a new name and new patient IDs.
func hospitalRules() bridge.Rules {
	return bridge.Rules{Old: "OLDPACS", List: []bridge.Rule{
		{Attribute: dataset.PatientID, Action: bridge.Replace, Pattern: regexp.MustCompile(`^(.+)$`), Value: "H-$1"},
		{Attribute: dataset.InstitutionName, Action: bridge.Set, Value: "University Hospital"},
		{Attribute: dataset.StudyDescription, Action: bridge.Remove},
	}}
}

// ruled sets rules for everything that travels.
func (x *crossing) ruled(rules bridge.Rules) {
	x.migrator.Deliver.Rules, x.migrator.Compose.Rules = rules, rules
}

// wantAmended demands that NEW holds what OLD holds, as the rules change it, and that the
// ledger tells both digests.
func (x *crossing) wantAmended(rules bridge.Rules) {
	x.t.Helper()
	want := map[string]string{}
	recorded := map[string]string{}
	for line, err := range x.db.Report(x.t.Context(), staging.Scope{}) {
		check(x.t, err)
		var passage struct {
			Sent    string             `json:"amended_sha256"`
			Amended []bridge.Amendment `json:"amended"`
		}
		if line.Kind != staging.Instance {
			continue
		}
		check(x.t, json.Unmarshal(line.Passage, &passage))
		recorded[line.UID] = passage.Sent
		if len(passage.Amended) < 2 || line.SHA256 != x.old.Digests()[line.UID] {
			x.t.Errorf("the report says of %s: %+v", line.UID, line)
		}
	}
	for _, o := range x.old.Instances() {
		after, _, err := rules.Amended(o.Data, o.TransferSyntax, "", "OLDPACS")
		check(x.t, err)
		o.Data = after
		want[o.SOPInstance] = digest(o)
	}
	got := map[string]string{}
	for uid, digest := range x.new.Digests() {
		if want[uid] != "" {
			got[uid] = digest
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		x.t.Errorf("at NEW (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, recorded); diff != "" {
		x.t.Errorf("recorded as sent (-want +got):\n%s", diff)
	}
}

func TestRulesChangeWhatCrosses(t *testing.T) {
	for name, early := range map[string]bool{"complete": false, "early": true} {
		t.Run(name, func(t *testing.T) {
			x := cross(t, 4)
			x.migrator.Early = early
			rules := hospitalRules()
			x.ruled(rules)
			check(t, x.run())
			x.wantAmended(rules)
			if s := x.status(); s.Studies.Migrated != 4 {
				t.Errorf("studies: %+v", s.Studies)
			}
		})
	}
}

func TestRulesAreForTheSenderThatTheyName(t *testing.T) {
	x := cross(t, 1)
	x.forwards()
	rules := bridge.Rules{Old: "OLDPACS", List: []bridge.Rule{
		{Callers: []string{"MODALITY"}, Attribute: dataset.InstitutionName, Action: bridge.Set, Value: "Emergency Room"},
	}}
	x.ruled(rules)
	check(t, x.run())
	x.wantAll() // nothing of OLD's changes
	object := dimsetest.Study(21, dimsetest.StudyOptions{Instances: 1})[0]
	x.send("MODALITY", object)
	until(t, "the study is migrated and let go", func() bool { return x.is(object.StudyUID, staging.Migrated) && x.released() })
	after, made, err := rules.Amended(object.Data, object.TransferSyntax, "", "MODALITY")
	check(t, err)
	object.Data = after
	if got := x.new.Digests()[object.SOPInstance]; got != digest(object) || len(made) != 1 {
		t.Errorf("NEW has %s, want %s with %v", got, digest(object), made)
	}
}

func TestARuleThatCannotBeAppliedFailsItsStudyBeforeAnythingIsSent(t *testing.T) {
	x := cross(t, 3)
	victim := x.old.Instances()[0]
	id := patientOf(t, victim)
	others := map[string]string{}
	for _, o := range x.old.Instances() {
		if p := patientOf(t, o); p != id {
			others[p] = "N" + p
		}
	}
	x.ruled(bridge.Rules{List: []bridge.Rule{{Attribute: dataset.PatientID, Action: bridge.Map, Table: bridge.TableOf(others)}}})
	check(t, x.run())
	var failed []string
	for _, o := range x.old.Instances() {
		if patientOf(t, o) == id {
			failed = append(failed, o.SOPInstance)
		}
		if _, there := x.new.Digests()[o.SOPInstance]; there == (patientOf(t, o) == id) {
			t.Errorf("instance %s of patient %s is at NEW: %v", o.SOPInstance, patientOf(t, o), there)
		}
	}
	x.wantFailed(staging.Data, failed...)
	x.ruled(bridge.Rules{List: []bridge.Rule{{Attribute: dataset.PatientID, Action: bridge.Map, Table: bridge.TableOf(others), Keep: true}}})
	check(t, x.run())
	if s := x.status(); s.Studies.Migrated != 3 {
		t.Errorf("after the table was mended: %+v", s.Studies)
	}
}

func patientOf(t *testing.T, o dimsetest.Object) string {
	t.Helper()
	head := must(dataset.ReadHeader(bytes.NewReader(o.Data), o.TransferSyntax, dataset.IssuerOfPatientID, 0))(t)
	return head.Text(dataset.PatientID)
}
