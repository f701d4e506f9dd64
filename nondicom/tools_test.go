package nondicom_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
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

// pixelsOf takes the pixel data out of a file by dcmdump: the value, or the only
// fragment behind an offset table.
func pixelsOf(t *testing.T, path string) []byte {
	t.Helper()
	folder := t.TempDir()
	mustTool(t, "dcmdump", "+W", folder, path)
	names, err := filepath.Glob(filepath.Join(folder, "*.raw"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no pixel data: %v", err)
	}
	slices.Sort(names)
	if len(names) > 1 {
		names = names[1:] // the offset table
	}
	if len(names) != 1 {
		t.Fatalf("%d fragments", len(names))
	}
	pixels, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return pixels
}

// documentOf takes the document out of a file by a parser that is not ours.
func documentOf(t *testing.T, path string) []byte {
	t.Helper()
	set, err := dicom.ParseFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	element, err := set.FindElementByTag(tag.EncapsulatedDocument)
	if err != nil {
		t.Fatal(err)
	}
	document, ok := element.Value.GetValue().([]byte)
	if !ok {
		t.Fatalf("a document of type %T", element.Value.GetValue())
	}
	return document
}

// startsWith demands that a value is a content, with at most one byte of padding.
func startsWith(t *testing.T, value, content []byte) {
	t.Helper()
	if !bytes.HasPrefix(value, content) || len(value)-len(content) != len(content)%2 {
		t.Errorf("%d bytes came back of %d, or others", len(value), len(content))
	}
}
