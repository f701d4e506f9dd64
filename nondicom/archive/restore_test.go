package archive_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"

	"pacsbridge/nondicom/archive"
)

// codings are the ways in which contents are kept, with the suffixes that a text
// and a noise get.
var codings = map[string]struct {
	compress, encrypt bool
	text, noise       string
}{
	"as they are": {false, false, "", ""},
	"compressed":  {true, false, ".zst", ""},
	"encrypted":   {false, true, ".age", ".age"},
	"both":        {true, true, ".zst.age", ".age"},
}

// newKey is an age identity, and the file it stands in.
func newKey(t *testing.T) (public, path string) {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("# of the hospital\n"+key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return key.Recipient().String(), path
}

// archived puts two contents into an archive of this coding.
func archived(t *testing.T, coding string) (b *bench, s *archive.Study, key string) {
	t.Helper()
	c := codings[coding]
	o := archive.Options{Compress: c.compress}
	public, key := newKey(t)
	other, _ := newKey(t)
	if c.encrypt {
		o.Encrypt = other + " " + public
	}
	b = newBench(t, o)
	s = studyOf("1.2.840.7", text(30000), noise(300001))
	names := b.put(s)
	if !strings.HasSuffix(names["k 1"], digest(text(30000))+c.text) || !strings.HasSuffix(names["k 2"], digest(noise(300001))+c.noise) {
		t.Errorf("%v", names)
	}
	return b, s, key
}

// TestAnybodyCanRestore goes by the index and the text that stands beside it,
// with the programs of age and zstd and nothing of ours.
func TestAnybodyCanRestore(t *testing.T) {
	for name, c := range codings {
		t.Run(name, func(t *testing.T) {
			for _, program := range []string{"age", "zstd", "sha256sum"} {
				needProgram(t, program)
			}
			b, _, key := archived(t, name)
			index, err := os.ReadFile(filepath.Join(b.store, "index", "1.2.840.7.jsonl"))
			if err != nil || c.encrypt && bytes.Contains(index, []byte("王")) {
				t.Fatalf("%v, %s", err, index)
			}
			for line := range strings.Lines(string(index)) {
				var e archive.Entry
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatal(err)
				}
				sum := byHand(t, filepath.Join(b.store, e.Name), key)
				if sum != e.SHA256 || !strings.Contains(filepath.Base(e.Name), sum) {
					t.Errorf("%s: %s came back", e.Name, sum)
				}
			}
		})
	}
}

// needProgram skips the test where a program is not installed, or fails it when
// peers are required.
func needProgram(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("PACSBRIDGE_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed", program)
	}
}

// byHand does what the README says and returns the digest of what came out.
func byHand(t *testing.T, file, key string) string {
	t.Helper()
	line := map[string]string{"": `cat "$1"`, ".zst": `zstd --decompress --stdout "$1"`, ".age": `age --decrypt --identity "$2" "$1"`,
		".zst.age": `age --decrypt --identity "$2" "$1" | zstd --decompress`}[file[strings.LastIndex(file, "/")+1+64:]]
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line+" | sha256sum", "sh", file, key).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.Fields(string(out))[0]
}

func TestAShelfGivesBackWhatWasPut(t *testing.T) {
	for name, c := range codings {
		t.Run(name, func(t *testing.T) {
			b, s, key := archived(t, name)
			shelf := openShelf(t, b.store, key)
			entries, err := shelf.Index(t.Context(), s.UID)
			if err != nil || len(entries) != 2 {
				t.Fatalf("%v, %v", entries, err)
			}
			for i, want := range [][]byte{text(30000), noise(300001)} {
				var got bytes.Buffer
				if err := shelf.Restore(t.Context(), entries[i], &got); err != nil || !bytes.Equal(got.Bytes(), want) {
					t.Errorf("%d of %d bytes came back: %v", got.Len(), len(want), err)
				}
			}
			if c.encrypt {
				if err := openShelf(t, b.store, "").Restore(t.Context(), entries[0], io.Discard); err == nil {
					t.Error("it was decrypted without a key")
				}
				_, strange := newKey(t)
				if err := openShelf(t, b.store, strange).Restore(t.Context(), entries[0], io.Discard); err == nil {
					t.Error("it was decrypted with another's key")
				}
			}
		})
	}
}

func openShelf(t *testing.T, store, key string) *archive.Shelf {
	t.Helper()
	shelf, err := archive.OpenShelf(store, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shelf.Close(t.Context()) })
	return shelf
}

func TestAShelfNoticesWhatIsNotWhatItWas(t *testing.T) {
	for name := range codings {
		t.Run(name, func(t *testing.T) {
			b, s, key := archived(t, name)
			shelf := openShelf(t, b.store, key)
			entries, err := shelf.Index(t.Context(), s.UID)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(b.store, entries[1].Name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			content[len(content)/2] ^= 1
			for _, harmed := range [][]byte{content, content[:len(content)-1], content[:0]} {
				if err := os.WriteFile(path, harmed, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := shelf.Restore(t.Context(), entries[1], io.Discard); err == nil {
					t.Error("the harm was not noticed")
				}
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := shelf.Restore(t.Context(), entries[1], io.Discard); err == nil {
				t.Error("nobody missed the file")
			}
			if none, err := shelf.Index(t.Context(), "1.2.9"); none != nil || err != nil {
				t.Errorf("%v, %v", none, err)
			}
		})
	}
}

func TestNoPathIsMadeOfAStrangeUID(t *testing.T) {
	b := newBench(t, archive.Options{})
	s := studyOf("../../etc/x", text(1))
	b.put(s)
	for _, name := range b.files() {
		if !fs.ValidPath(name) {
			t.Errorf("%q", name)
		}
	}
	wantHeld(t, b, s, 2)
}

// stream is a content of any size that nobody holds, text and noise in turn.
type stream struct{ left int64 }

func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.left))
	for i := range n {
		at := s.left - int64(i)
		p[i] = byte(at * at >> 7)
	}
	s.left -= int64(n)
	return n, nil
}

func (s *stream) Close() error { return nil }

func TestALargeContentIsNotHeld(t *testing.T) {
	size := int64(64 << 20)
	if os.Getenv("PACSBRIDGE_FIGURES") != "" {
		size = 2 << 30
	}
	public, key := newKey(t)
	b := newBench(t, archive.Options{Compress: true, Encrypt: public})
	s := studyOf("1.2.8", text(1))
	sum := streamDigest(t, size)
	s.Attachments[0].Digest, s.Attachments[0].Bytes = sum, size
	s.Attachments[0].Open = func() (io.ReadCloser, error) { return &stream{size}, nil }
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.put(s)
	runtime.ReadMemStats(&after)
	if held := int64(after.Sys) - int64(before.Sys); held > 48<<20 {
		t.Errorf("the process grew by %d bytes for %d", held, size)
	}
	shelf := openShelf(t, b.store, key)
	entries, err := shelf.Index(t.Context(), s.UID)
	if err := errors.Join(err, shelf.Restore(t.Context(), entries[0], io.Discard)); err != nil {
		t.Error(err)
	}
}

func streamDigest(t *testing.T, size int64) string {
	t.Helper()
	sum := sha256.New()
	if _, err := io.Copy(sum, &stream{size}); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
