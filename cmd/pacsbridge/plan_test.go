package main

import (
	"encoding/json"
	"strings"
	"testing"

	"pacsbridge/bridge"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

func (l *lab) plan(args ...string) (plan bridge.Plan) {
	l.t.Helper()
	out, _ := l.run(exitOK, append([]string{"plan", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		l.t.Fatalf("%v\n%s", err, out)
	}
	return plan
}

func TestAPlanCountsWhatWouldBeMoved(t *testing.T) {
	l := newLab(t, 6)
	instances := len(l.old.Instances())
	if text, _ := l.run(exitOK, "plan"); !strings.Contains(text, "run pacsbridge discover first") {
		t.Errorf("an empty ledger: %s", text)
	}
	l.run(exitOK, "discover", "--from", "2026-01-01", "--to", "2026-01-31")
	plan := l.plan("--from", "2026-01-01", "--to", "2026-01-31")
	if plan.Total.Studies != 6 || plan.Total.Instances != instances || plan.Left.Studies != 6 || plan.Asked == 0 || plan.Total.Estimate != 0 {
		t.Errorf("%+v", plan)
	}
	studies := 0
	for _, g := range plan.Groups {
		studies += g.Studies
		if g.Modality == "" {
			t.Errorf("a group without modality: %+v", g)
		}
	}
	if studies != 6 {
		t.Errorf("%d studies in the groups, want 6", studies)
	}
	for _, o := range plan.Objects {
		if !o.Presumed || o.Taken == nil || !*o.Taken || o.Name == "" {
			t.Errorf("%+v", o)
		}
	}
	if l.new.Counts().Stores != 0 {
		t.Error("the plan stored something")
	}
	if text, _ := l.run(exitOK, "plan"); !strings.Contains(text, "sizes are not known before") || !strings.Contains(text, "the new PACS takes all") {
		t.Errorf("%s", text)
	}
}

func TestAPlanNamesWhatTheNewArchiveRefuses(t *testing.T) {
	l := newLab(t, 4, "")
	l.run(exitOK, january...)
	l.edit("new: {", `new: {rate: "1MB/s", `)
	class := l.old.Instances()[0].SOPClass
	l.new.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{RefuseContext: func(sopClass, syntax string) bool {
		return sopClass == class
	}}})
	plan := l.plan()
	refused, known := 0, 0
	for _, o := range plan.Objects {
		known += o.Instances
		if !*o.Taken {
			refused++
			if o.SOPClass != class || o.Presumed {
				t.Errorf("refused %+v", o)
			}
		}
	}
	if refused == 0 || known != len(l.old.Instances()) || plan.Total.Sized != known || plan.Total.Bytes == 0 || plan.Left.Studies != 0 || plan.Asked != 0 {
		t.Errorf("%d refused, %d known: %+v", refused, known, plan)
	}
	text, _ := l.run(exitOK, "plan")
	if !strings.Contains(text, uid.Name(class)) || !strings.Contains(text, "REFUSED") || !strings.Contains(text, "nothing is left") {
		t.Errorf("%s", text)
	}

	for _, o := range dimsetest.Study(77, dimsetest.StudyOptions{Instances: 5, Date: "20260110"}) {
		if err := l.old.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	l.run(exitOK, "discover", "--from", "2026-01-01", "--to", "2026-01-31")
	if plan := l.plan(); plan.Left.Instances != 5 || plan.Left.Estimate == 0 || plan.Seconds == 0 {
		t.Errorf("%+v", plan)
	}
	l.new.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{RefuseContext: func(sopClass, _ string) bool { return sopClass != uid.Verification && sopClass != uid.StudyRootFind }}})
	l.run(exitIncomplete, january...)
	if plan := l.plan(); plan.Left.Studies != 1 || plan.Left.Instances != 5 {
		t.Errorf("of a study that failed is left %+v", plan.Left)
	}
	l.old.Close()
	l.new.Close()
	if plan := l.plan("--offline"); plan.Total.Studies != 5 || plan.Asked != 0 {
		t.Errorf("offline: %+v", plan)
	}
	l.run(exitFailed, "plan")
	l.run(exitUsage, "plan", "--ask", "-1")
}
