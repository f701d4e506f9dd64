package fetch_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pacsbridge/nondicom/fetch"
)

const content = "%PDF-1.4 a small letter\n%%EOF\n"

// newStore is a folder with one letter in it, known as "reports".
func newStore(t *testing.T) (dir string, stores *fetch.Stores) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "reports")
	write(t, filepath.Join(dir, "2026", "letter 'one' 信.pdf"), content)
	return dir, open(t, dir)
}

func open(t *testing.T, dir string) *fetch.Stores {
	t.Helper()
	stores, err := fetch.Open([]fetch.Store{{Name: "reports", At: dir}})
	if err != nil {
		t.Fatal(err)
	}
	return stores
}

func write(t *testing.T, name, text string) {
	t.Helper()
	writeFile(t, name, text)
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFetchReadsAFileByPathAndByURL(t *testing.T) {
	dir, stores := newStore(t)
	for _, location := range []string{
		"reports:2026/letter 'one' 信.pdf",
		"reports:2026//./letter 'one' 信.pdf",
		"file://" + dir + "/2026/letter%20'one'%20信.pdf",
	} {
		file, err := stores.Fetch(t.Context(), location)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(file)
		if err != nil || string(got) != content || file.Size != int64(len(content)) || file.ModTime.IsZero() {
			t.Errorf("%s: %q, %d bytes, %v: %v", location, got, file.Size, file.ModTime, err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFetchRefusesWhatLeavesTheStore(t *testing.T) {
	dir, stores := newStore(t)
	outside := filepath.Join(filepath.Dir(dir), "secret")
	write(t, filepath.Join(outside, "a.pdf"), content)
	link(t, outside, filepath.Join(dir, "folder"))
	link(t, filepath.Join(outside, "a.pdf"), filepath.Join(dir, "file.pdf"))
	link(t, "../secret/a.pdf", filepath.Join(dir, "relative.pdf"))
	for _, location := range []string{
		"reports:../secret/a.pdf", "reports:2026/../../secret/a.pdf", "reports:2026/../2026/a.pdf", `reports:..\secret\a.pdf`,
		"reports:/etc/passwd", `reports:\\server\share\a.pdf`, `reports:C:\a.pdf`, "reports:2026/a\x00.pdf",
		"reports:folder/a.pdf", "reports:file.pdf", "reports:relative.pdf",
		"file:///etc/passwd", "file://" + outside + "/a.pdf", "file://" + dir + "/../secret/a.pdf", "file://" + dir + "/%2e%2e/secret/a.pdf",
		"file://server" + dir + "/2026/a.pdf",
	} {
		_, err := stores.Fetch(t.Context(), location)
		check(t, err, location, fetch.ErrUnsafePath)
	}
}

func TestFetchFollowsALinkInsideTheStore(t *testing.T) {
	dir, stores := newStore(t)
	link(t, filepath.Join(dir, "2026"), filepath.Join(dir, "latest"))
	file, err := stores.Fetch(t.Context(), "reports:latest/letter 'one' 信.pdf")
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
}

func TestFetchNamesWhatIsWrong(t *testing.T) {
	dir, stores := newStore(t)
	write(t, filepath.Join(dir, "empty.pdf"), "")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]error{
		"reports:2026/none.pdf":             fetch.ErrNotFound,
		"reports:none/none.pdf":             fetch.ErrNotFound,
		"reports:":                          fetch.ErrNotFound,
		"":                                  fetch.ErrNotFound,
		"reports:empty.pdf":                 fetch.ErrEmpty,
		"reports:2026":                      fetch.ErrNotAFile,
		"reports:pipe":                      fetch.ErrNotAFile,
		"reports:2026/" + longName + ".pdf": fetch.ErrNotFound,
		"scans:a.pdf":                       fetch.ErrUnknownStore,
		"a.pdf":                             fetch.ErrUnknownStore,
		"ftp://host/a.pdf":                  fetch.ErrUnsafePath,
		"gopher://host/a.pdf":               fetch.ErrNotAvailable,
	} {
		_, err := stores.Fetch(t.Context(), location)
		check(t, err, location, want)
	}
}

var longName = strings.Repeat("x", 300)

func TestFetchTellsDeniedFromMissing(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("nothing is denied to root")
	}
	dir, stores := newStore(t)
	write(t, filepath.Join(dir, "closed.pdf"), content)
	if err := os.Chmod(filepath.Join(dir, "closed.pdf"), 0); err != nil {
		t.Fatal(err)
	}
	_, err := stores.Fetch(t.Context(), "reports:closed.pdf")
	check(t, err, "reports:closed.pdf", fetch.ErrDenied)
}

func TestExpectEnforcesSizeAndDigests(t *testing.T) {
	_, stores := newStore(t)
	sha := sha256.Sum256([]byte(content))
	md := md5.Sum([]byte(content))
	right := fetch.Want{Size: int64(len(content)), SHA256: strings.ToUpper(hex.EncodeToString(sha[:])), MD5: hex.EncodeToString(md[:])}
	for name, c := range map[string]struct {
		want fetch.Want
		kind error
	}{
		"all right":    {right, nil},
		"size unknown": {fetch.Want{Size: -1}, nil},
		"too short":    {fetch.Want{Size: right.Size + 1}, fetch.ErrShort},
		"too long":     {fetch.Want{Size: right.Size - 1}, fetch.ErrLong},
		"sha256":       {fetch.Want{SHA256: strings.Repeat("0", 64)}, fetch.ErrDigest},
		"md5":          {fetch.Want{MD5: "no digest"}, fetch.ErrDigest},
	} {
		t.Run(name, func(t *testing.T) {
			const location = "reports:2026/letter 'one' 信.pdf"
			file, err := stores.Fetch(t.Context(), location)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			_, err = io.ReadAll(file.Expect(c.want))
			if c.kind == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			check(t, err, location, c.kind)
			if _, again := file.Read(make([]byte, 1)); !errors.Is(again, c.kind) {
				t.Errorf("a later Read answers %v", again)
			}
		})
	}
}

func TestReadNoticesAFileThatChanges(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"it grows":          func(t *testing.T, path string) { write(t, path, content+content) },
		"it shrinks":        func(t *testing.T, path string) { write(t, path, content[:4]) },
		"it is touched":     func(t *testing.T, path string) { touch(t, path) },
		"it is another one": func(t *testing.T, path string) { write(t, path, strings.ToUpper(content)); touch(t, path) },
		"it goes away": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.pdf")
			write(t, path, content)
			file, err := open(t, dir).Fetch(t.Context(), "reports:a.pdf")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := io.ReadFull(file, make([]byte, 8)); err != nil {
				t.Fatal(err)
			}
			change(t, path)
			_, err = io.ReadAll(file)
			check(t, err, "reports:a.pdf", fetch.ErrChanged)
			var e *fetch.Error
			if errors.As(err, &e) && !e.Temporary() {
				t.Error("a file that changed is worth another try")
			}
		})
	}
}

func TestOpenNamesEveryFault(t *testing.T) {
	_, err := fetch.Open([]fetch.Store{
		{Name: "good", At: t.TempDir()},
		{Name: "good", At: t.TempDir()},
		{Name: "a:b", At: t.TempDir()},
		{Name: "tls", At: "ftp://user:geheim@host/scans?tsl=explicit"},
		{Name: "unknown", At: "sftp://user:geheim@host/scans?known_hosts=/nowhere"},
		{Name: "keyless", At: "sftp://user@host/scans?known_hosts=/dev/null"},
		{Name: "share", At: "smb://user:geheim@host"},
		{Name: "bucket", At: "s3://key:geheim@/prefix"},
		{Name: "endpoint", At: "obs://key:geheim@bucket/prefix"},
		{Name: "charset", At: "file:///srv?charset=klingon"},
		{Name: "port", At: "webdav://user:geheim@host:port/"},
		{Name: "odd", At: "gopher://host"},
		{Name: "none", At: ""},
	})
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, name := range []string{`"good"`, `"a:b"`, `"tls"`, `"unknown"`, `"keyless"`, `"share"`, `"bucket"`, `"endpoint"`, `"charset"`, `"port"`, `"odd"`, `"none"`} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("store %s is not named: %v", name, err)
		}
	}
	if !errors.Is(err, fetch.ErrNotAvailable) || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v", err)
	}
}

func TestCheckLooksForTheFolder(t *testing.T) {
	dir := t.TempDir()
	stores, err := fetch.Open([]fetch.Store{{Name: "here", At: "file://" + dir}, {Name: "gone", At: dir + "/gone"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := stores.Check(t.Context(), "here"); err != nil {
		t.Error(err)
	}
	check(t, stores.Check(t.Context(), "gone"), "gone:", fetch.ErrNotFound)
	check(t, stores.Check(t.Context(), "other"), "other:", fetch.ErrUnknownStore)
}

// check looks for an *Error of a kind that names the place.
func check(t *testing.T, err error, location string, kind error) {
	t.Helper()
	var e *fetch.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) || e.Location != location {
		t.Errorf("%q: %v, want %v", location, err, kind)
	}
}

func link(t *testing.T, to, from string) {
	t.Helper()
	if err := os.Symlink(to, from); err != nil {
		t.Fatal(err)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
}
