package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFailureModesAreTested demands that each test that docs/failures.md names exists.
func TestFailureModesAreTested(t *testing.T) {
	page, err := os.ReadFile("../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	named := regexp.MustCompile("`([a-z/]+) (Test\\w+)(?:/([^`]+))?`").FindAllStringSubmatch(string(page), -1)
	for _, name := range named {
		folder, test, mode := name[1], name[2], name[3]
		if _, read := sources[folder]; !read {
			sources[folder] = testSource(t, filepath.Join(moduleRoot, folder))
		}
		if !strings.Contains(sources[folder], "func "+test+"(") {
			t.Errorf("%s has no test %s", folder, test)
		}
		if mode != "" && !strings.Contains(sources[folder], `name: "`+mode+`"`) {
			t.Errorf("%s %s has no mode %q", folder, test, mode)
		}
	}
	if len(named) < 80 {
		t.Errorf("docs/failures.md names %d tests", len(named))
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| ---") && !strings.HasPrefix(line, "| what happens") && !strings.Contains(line, "Test") {
			t.Errorf("no test for: %s", line)
		}
	}
}

// testSource is what the test files of a folder say.
func testSource(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
