package main

import (
	"strings"
	"syscall"
	"testing"

	"pacsbridge/dimse/dimsetest"
)

func TestAnAdministratorAsksTheNodeWithFindscu(t *testing.T) {
	t.Parallel()
	l := newLab(t, 6)
	victim := l.old.Instances()[0]
	l.old.SetFaults(dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.Only(victim.SOPInstance), Success: true}})
	l.edit("ae_title: PACSBRIDGE,", "ae_title: PACSBRIDGE, admit: [OLDPACS, NEWPACS, ADMIN],")
	l.run(exitIncomplete, january...)
	serve := l.serving()
	node := l.node()
	ask := func(model string, keys ...string) string {
		t.Helper()
		args := []string{model, "-aet", "ADMIN", "-aec", node.AE}
		for _, key := range keys {
			args = append(args, "-k", key)
		}
		out := dimsetest.DCMTK(t, "findscu", append(args, node.Host(), node.Port())...).Need(t)
		return out.Stdout + out.Stderr
	}
	all := ask("-S", "QueryRetrieveLevel=STUDY", "StudyInstanceUID", "InstanceAvailability", "0032,000a", "NumberOfStudyRelatedInstances", "0021,1004")
	for words, want := range map[string]int{"(0020,000d) UI [": 6, "(0032,000a) CS [MIGRATED]": 5, "(0032,000a) CS [FAILED]": 1, "[ONLINE]": 5,
		"(0021,0010) LO [PACSBRIDGE]": 6, "(0020,1208) IS [": 6} {
		if n := strings.Count(all, words); n != want {
			t.Errorf("%d times %q, want %d:\n%s", n, words, want, all)
		}
	}
	if failed := ask("-S", "QueryRetrieveLevel=STUDY", "StudyInstanceUID", "0032,000a=FAILED", "0021,1008"); !strings.Contains(failed, victim.StudyUID) || !strings.Contains(failed, victim.SOPInstance) {
		t.Errorf("the failed study and its reason: %s", failed)
	}
	if n := strings.Count(ask("-P", "QueryRetrieveLevel=STUDY", "PatientID=*", "StudyInstanceUID", "StudyDate=20260101-20260131"), "(0020,000d) UI ["); n != 6 {
		t.Errorf("%d studies in patient root, want 6", n)
	}
	images := ask("-S", "QueryRetrieveLevel=IMAGE", "StudyInstanceUID="+victim.StudyUID, "SeriesInstanceUID", "SOPInstanceUID", "InstanceAvailability")
	if !strings.Contains(images, victim.SOPInstance) {
		t.Errorf("the images of the failed study: %s", images)
	}
	if out := dimsetest.DCMTK(t, "findscu", "-S", "-aet", "STRANGER", "-aec", node.AE, "-k", "QueryRetrieveLevel=STUDY", node.Host(), node.Port()); strings.Contains(out.String(), "ONLINE") {
		t.Errorf("a stranger was answered: %s", out)
	}
	serve.Process.Signal(syscall.SIGTERM)
	serve.ended(exitInterrupted)
}
