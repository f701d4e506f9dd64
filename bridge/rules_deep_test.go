package bridge_test

import (
	"bytes"
	"strings"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
)

func TestDeepVerifyKnowsWhatRulesChangedAndNothingElse(t *testing.T) {
	x := cross(t, 1)
	x.ruled(hospitalRules())
	check(t, x.run())
	n := len(x.old.Instances())
	result := x.verified(x.reconciler(x.byGet()))
	if want := (bridge.ContentCounts{Compared: n, Identical: n}); *result.Content != want || len(result.Differences) != 0 {
		t.Fatalf("%+v, content %+v, want %+v", result, *result.Content, want)
	}
	victim := x.new.Instances()[1]
	for _, tt := range rulesTampered {
		x.swap(victim, func(o dimsetest.Object) dimsetest.Object { return tt.change(x, o) })
		result := x.verified(x.reconciler(x.byGet()))
		if tt.want == "" && (len(result.Differences) != 0 || result.Content.Equal != 1) {
			t.Errorf("%s: %+v, %+v", tt.what, result.Differences, *result.Content)
		}
		if tt.want != "" && (len(result.Differences) != 1 || !strings.Contains(result.Differences[0].Detail, tt.want)) {
			t.Errorf("%s: %+v, want %q", tt.what, result.Differences, tt.want)
		}
	}
}

// rulesTampered are things that happened to an instance at NEW which rules had changed.
var rulesTampered = []struct {
	what   string
	change func(*crossing, dimsetest.Object) dimsetest.Object
	want   string // "" means: no difference
}{
	{"encoded anew", func(x *crossing, o dimsetest.Object) dimsetest.Object {
		var out bytes.Buffer
		check(x.t, dataset.Reencode(&out, bytes.NewReader(o.Data), o.TransferSyntax, other(o.TransferSyntax)))
		o.Data, o.Size, o.TransferSyntax = out.Bytes(), int64(out.Len()), other(o.TransferSyntax)
		return o
	}, ""},
	{"another attribute", func(x *crossing, o dimsetest.Object) dimsetest.Object {
		return patched(x.t, o, set(dataset.PatientName, "Someone^Else"))
	}, "changed PatientName; pixel data identical"},
	{"one that a rule changed, to another value", func(x *crossing, o dimsetest.Object) dimsetest.Object {
		return patched(x.t, o, set(dataset.PatientID, "H-0"))
	}, "changed PatientID; pixel data identical"},
	{"back to what it was at OLD", func(x *crossing, o dimsetest.Object) dimsetest.Object {
		for _, original := range x.old.Instances() {
			if original.SOPInstance == o.SOPInstance {
				return original
			}
		}
		return o
	}, "changed InstitutionName, PatientID"},
}

func TestWhatIsMadeHereSaysOfThePatientWhatTheRulesSay(t *testing.T) {
	x := cross(t, 1)
	s := recordsFor(x)
	s.records = append(s.records, nondicom.Record{StudyKey: "GHOST", StudyDate: "2026-01-05", PatientID: "4711", AccessionNumber: "A1", PatientName: "Doe^Jo", ReportText: "nothing"})
	x.stock.Legacy = s
	rules := hospitalRules()
	x.ruled(rules)
	check(t, x.run())
	ids := map[string]bool{}
	for _, o := range x.new.Instances() {
		if id := patientOf(t, o); !strings.HasPrefix(id, "H-") || strings.HasPrefix(id, "H-H-") {
			t.Errorf("%s of %s is of patient %s", uid.Name(o.SOPClass), o.StudyUID, id)
		} else {
			ids[id] = true
		}
	}
	if !ids["H-4711"] || len(ids) != 2 {
		t.Errorf("patients at NEW: %v", ids)
	}
	contents := x.byGet()
	contents.Rules = rules
	n := len(x.new.Instances())
	result := x.verified(x.reconciler(contents))
	if want := (bridge.ContentCounts{Compared: n, Identical: n}); *result.Content != want || result.Complete != 2 {
		t.Errorf("%+v, content %+v, want %+v", result, *result.Content, want)
	}
	for _, o := range x.new.Instances() {
		if o.SOPClass == uid.BasicTextSR { // encoded anew, so that the report is made again for comparison
			x.swap(o, func(o dimsetest.Object) dimsetest.Object {
				return patched(t, o, dataset.Change{Tag: dataset.StudyDescription, Set: &dataset.Element{VR: "LO", Value: []byte("  ")}})
			})
		}
	}
	for _, d := range x.verified(x.reconciler(contents)).Differences {
		if d.Kind == bridge.ContentDiffers && !strings.Contains(d.Detail, "added StudyDescription") && !strings.Contains(d.Detail, "changed StudyDescription") || strings.Contains(d.Detail, "PatientID") {
			t.Errorf("%+v", d)
		}
	}
}
