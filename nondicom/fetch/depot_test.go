package fetch_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pacsbridge/nondicom/fetch"
	"pacsbridge/nondicom/servertest"
)

// depotKinds are the stores that take files.
var depotKinds = map[string]func(t *testing.T) string{
	"folder":        func(t *testing.T) string { return t.TempDir() },
	"pyftpdlib":     urlOf(servertest.FTP),
	"OpenSSH":       urlOf(servertest.SFTP),
	"rclone's SFTP": urlOf(servertest.PasswordSFTP),
	"Samba":         urlOf(servertest.SMB),
	"S3":            urlOf(servertest.S3),
	"WebDAV":        urlOf(servertest.WebDAV),
}

func urlOf(start func(testing.TB) servertest.Store) func(t *testing.T) string {
	return func(t *testing.T) string {
		s := start(t)
		if s.URL.Scheme == "webdav" { // where the folder is not made
			if err := os.Mkdir(filepath.Join(s.Dir, "depot"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		s.URL.Path = strings.TrimSuffix(s.URL.Path, "/") + "/depot"
		return s.URL.String()
	}
}

func TestDepotsKeepWhatIsPutIntoThem(t *testing.T) {
	for name, start := range depotKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			depot, err := fetch.OpenDepot(start(t))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := depot.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}()
			if err := depot.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			testDepotPut(t, depot)
			testDepotPublish(t, depot)
			testDepotBreak(t, depot)
		})
	}
}

func read(t *testing.T, depot *fetch.Depot, name string) []byte {
	t.Helper()
	file, err := depot.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func testDepotPut(t *testing.T, depot *fetch.Depot) {
	for name, size := range map[string]int{"uploads/a": 5, "uploads/deep/er/b 'c' 信.pdf": 1<<20 + 7, "uploads/large": 11<<20 + 1} {
		content := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{}).Read(content)
		n, err := depot.Put(t.Context(), name, iotest.OneByteReader(bytes.NewReader(content[:1])))
		if err != nil || n != 1 {
			t.Fatalf("%s: %d, %v", name, n, err)
		}
		n, err = depot.Put(t.Context(), name, struct{ io.Reader }{bytes.NewReader(content)})
		if err != nil || n != int64(size) {
			t.Fatalf("%s: %d, %v", name, n, err)
		}
		if got := read(t, depot, name); !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes came back of %d", name, len(got), size)
		}
		if got, err := depot.Size(t.Context(), name); err != nil || got != int64(size) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
		if err := errors.Join(depot.Remove(t.Context(), name), depot.Remove(t.Context(), name)); err != nil {
			t.Error(err)
		}
		if _, err := depot.Size(t.Context(), name); !errors.Is(err, fetch.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func testDepotPublish(t *testing.T, depot *fetch.Depot) {
	for _, text := range []string{"one", "another"} { // the second in the place of the first
		if _, err := depot.Put(t.Context(), "uploads/p", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if err := depot.Publish(t.Context(), "uploads/p", "index/p.jsonl"); err != nil {
			t.Fatal(err)
		}
		if got := read(t, depot, "index/p.jsonl"); string(got) != text {
			t.Errorf("%q", got)
		}
	}
	if _, err := depot.Size(t.Context(), "uploads/p"); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("the upload is still there: %v", err)
	}
	if names, err := depot.List(t.Context(), "index"); err != nil || !slices.Equal(names, []string{"p.jsonl"}) {
		t.Errorf("%q, %v", names, err)
	}
	if names, _ := depot.List(t.Context(), "nowhere"); len(names) != 0 { // servers say it in many ways, or not at all
		t.Errorf("%q", names)
	}
	if err := depot.Publish(t.Context(), "uploads/none", "x"); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("what is not there was published: %v", err)
	}
}

// testDepotBreak breaks the content off: nothing is left, and it is told apart
// from a fault of the store.
func testDepotBreak(t *testing.T, depot *fetch.Depot) {
	for _, size := range []int64{10, 2 << 20} {
		broken := io.MultiReader(io.LimitReader(endless{}, size), iotest.ErrReader(io.ErrClosedPipe))
		if _, err := depot.Put(t.Context(), "uploads/broken", broken); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%v", err)
		}
		if _, err := depot.Size(t.Context(), "uploads/broken"); !errors.Is(err, fetch.ErrNotFound) {
			t.Errorf("half a file is left: %v", err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAWebServerIsNoDepot(t *testing.T) {
	for _, at := range []string{"http://host/folder", "https://host/folder", "gopher://host/", (&url.URL{Scheme: "s3", Host: ""}).String()} {
		if _, err := fetch.OpenDepot(at); err == nil {
			t.Errorf("%s is a depot", at)
		}
	}
}
