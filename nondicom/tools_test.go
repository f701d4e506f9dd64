package nondicom_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// tool runs a program of DCMTK or dicom3tools and returns what it said. Where
// it is not installed the test is skipped, or fails when peers are required.
func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("PACSBRIDGE_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

// mustTool fails the test when the program does.
func mustTool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := tool(t, name, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return out
}

// valid fails when dciodvfy finds an error; warnings pass. Its exit code says
// nothing.
func valid(t *testing.T, path string) {
	t.Helper()
	out, _ := tool(t, "dciodvfy", path)
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Error") {
			t.Error(strings.TrimSpace(line))
		}
	}
}
