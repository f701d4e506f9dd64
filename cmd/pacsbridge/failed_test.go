package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

var failedStudies = []staging.FailedStudy{
	{
		StudyUID: "1.2.3", StudyKey: "77", AccessionNumber: "A1", Department: "RAD", Class: staging.Incomplete,
		Reason: "1 of 4 instances did not arrive: 1.2.3.4", Attempts: 3, LeftBehind: []string{"1.2.3.1", "1.2.3.2"},
	},
	{StudyUID: "1.2.4", Class: staging.Network, Reason: "connection reset", Attempts: 1},
}

func TestFailedStudiesAreABlockEach(t *testing.T) {
	var b strings.Builder
	if err := printFailed(&b, failedStudies); err != nil {
		t.Fatal(err)
	}
	want := `1.2.3  (accession A1, record 77, department RAD)
  incomplete after 3 attempts: 1 of 4 instances did not arrive: 1.2.3.4
  hint: the old PACS lists instances that it does not send: look at them there, then pacsbridge retry
  left at the new PACS: 2 instances (see --left-behind)
1.2.4
  network after 1 attempt: connection reset
  hint: the connection did not hold: run pacsbridge check, then pacsbridge retry
2 studies failed
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLeftBehindInstancesAreALineEach(t *testing.T) {
	var b strings.Builder
	if err := printLeftBehind(&b, chooseFailed(failedStudies, "", true)); err != nil {
		t.Fatal(err)
	}
	if want := "1.2.3 1.2.3.1\n1.2.3 1.2.3.2\n"; b.String() != want {
		t.Errorf("printed %q, want %q", b.String(), want)
	}
}

func TestFailedStudiesAreChosenByClass(t *testing.T) {
	chosen := chooseFailed(failedStudies, staging.Network, false)
	if len(chosen) != 1 || chosen[0].StudyUID != "1.2.4" || chosen[0].LeftBehind == nil {
		t.Errorf("chose %+v", chosen)
	}
}

func TestEachErrorClassHasAHint(t *testing.T) {
	for _, class := range staging.Classes {
		if failureHints[class] == "" {
			t.Errorf("%s has none", class)
		}
	}
}
