package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestASelectionThatWouldBeEveryStudyIsRefused: an empty value, or a wildcard, matches
// all there is at OLD (PS3.4 §C.2.2.2).
func TestASelectionThatWouldBeEveryStudyIsRefused(t *testing.T) {
	l := newLab(t, 2)
	list := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(list, []byte("uid\n1.2.3\n*\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{
		{"--study", ""}, {"--study", " "}, {"--study", "*"}, {"--study", `1.2\1.3`}, {"--list", list},
		{"--patient", ""}, {"--patient", "*"}, {"--patient", `A\B`},
		{"--accession", " "}, {"--accession", "A?"},
	} {
		for _, command := range []string{"discover", "migrate"} {
			if _, told := l.run(exitUsage, append([]string{command}, flags...)...); !strings.Contains(told, flags[0]) {
				t.Errorf("%s %q: %s", command, flags, told)
			}
		}
	}
	if _, told := l.run(exitUsage, "status", "--study", "*"); !strings.Contains(told, "is not a UID") {
		t.Error(told)
	}
	if n := l.old.Counts().Moves; n > 0 {
		t.Errorf("OLD was asked to send %d times", n)
	}
}

func TestAListNamesEveryStudyHoweverItWasSaved(t *testing.T) {
	want := []string{"1.2.3", "1.2.4"}
	for name, text := range map[string]string{
		"plain":                          "1.2.3\n1.2.4\n",
		"with a heading":                 "study,why\n1.2.3,\n1.2.4,again\n",
		"with a byte order mark":         "\ufeff1.2.3\r\n1.2.4\r\n",
		"with both":                      "\ufeffstudy\r\n1.2.3\r\n1.2.4\r\n",
		"quoted, with a byte order mark": "\ufeff\"1.2.3\",\"a, b\"\r\n\"1.2.4\",\r\n",
		"with blanks and an empty line":  " 1.2.3\n\n1.2.4 \n ,\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "list.csv")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readList(path)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}
