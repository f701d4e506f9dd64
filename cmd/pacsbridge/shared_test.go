package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pacsbridge/conf"
)

// shared is the path of a file that several rooms test with.
func shared(t *testing.T, elements ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"..", "..", "testdata"}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is the part of README.md in YAML that begins with a line.
func block(t *testing.T, first string) string {
	t.Helper()
	for _, part := range strings.Split(readText(t, "../../README.md"), "```") {
		if text, yaml := strings.CutPrefix(part, "yaml\n"); yaml && strings.HasPrefix(text, first) {
			return text
		}
	}
	t.Fatalf("README.md has no block that begins with %q", first)
	return ""
}

// remarks are those behind a line, and blank lines.
var remarks = regexp.MustCompile(`(?m)\s+#.*$`)

func TestTheEightLinesAreTheSameEverywhere(t *testing.T) {
	want := strings.TrimSpace(readText(t, shared(t, "settings", "eight-lines.yaml")))
	if got := strings.TrimSpace(remarks.ReplaceAllString(block(t, "node:"), "")); got != want {
		t.Errorf("README.md says\n%s\nwant\n%s", got, want)
	}
	if written := remarks.ReplaceAllString(conf.Example(), ""); !strings.Contains(written, want) {
		t.Errorf("pacsbridge init writes\n%s\nwant in it\n%s", written, want)
	}
}

func TestAListOfStudiesAndTheQueriesOfTheReadme(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5)
	path := filepath.Join(l.dir, "ris.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(readText(t, shared(t, "legacy", "ris.sql"))); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	legacy := strings.Replace(block(t, "legacy:"), "postgres://reader:${RIS_PASSWORD}@ris/db", "sqlite:"+path, 1)
	l.write(readText(t, l.config) + strings.Replace(legacy, "/srv/ris/reports", shared(t, "documents"), 1))
	out, _ := l.run(exitOK, "migrate", "--list", shared(t, "list", "studies.csv"))
	for _, want := range []string{"3 migrated", "records      3   3 migrated", "attachments  2   2 migrated"} {
		if !strings.Contains(out, want) {
			t.Errorf("migrate says\n%s\nwant %q in it", out, want)
		}
	}
}
