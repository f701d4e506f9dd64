package spool_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"pacsbridge/staging/spool"
)

func open(t testing.TB, dir string, memory int64) *spool.Spool {
	t.Helper()
	s, err := spool.Open(spool.Options{Dir: dir, Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func content(seed uint64, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

func digest(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

func put(t testing.TB, s *spool.Spool, group, name string, b []byte) spool.Blob {
	t.Helper()
	w, err := s.Create(group, name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	blob, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func get(t testing.TB, s *spool.Spool, group, name string) []byte {
	t.Helper()
	r, _, err := s.Open(group, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var sizes = []int{0, 1, spool.ChunkSize - 1, spool.ChunkSize, spool.ChunkSize + 1, 3 * spool.ChunkSize, 5*spool.ChunkSize + 17}

func TestContentComesBackAsItWas(t *testing.T) {
	for _, memory := range []int64{0, 2 * spool.ChunkSize, 1 << 30} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("memory %d size %d", memory, size), func(t *testing.T) {
				s := open(t, t.TempDir(), memory)
				want := content(1, size)
				blob := put(t, s, "study", "object", want)
				if blob.Size != int64(size) || blob.SHA256 != digest(want) {
					t.Errorf("blob is %+v", blob)
				}
				r, _, err := s.Open("study", "object")
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				if err := iotest.TestReader(r, want); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestEveryWayInAndOutGivesTheSame(t *testing.T) {
	for _, memory := range []int64{0, 2 * spool.ChunkSize, 1 << 30} {
		s := open(t, t.TempDir(), memory)
		for _, size := range sizes {
			want := content(2, size)
			for way, in := range map[string]func(w *spool.Writer) error{
				"in pieces": func(w *spool.Writer) error {
					_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(want)}, make([]byte, 1000))
					return err
				},
				"from a reader": func(w *spool.Writer) error {
					_, err := io.Copy(w, iotest.HalfReader(bytes.NewReader(want)))
					return err
				},
			} {
				name := fmt.Sprintf("%s %d", way, size)
				w, err := s.Create("g", name)
				if err != nil {
					t.Fatal(err)
				}
				if err := in(w); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Commit(); err != nil {
					t.Fatal(err)
				}
				r, blob, err := s.Open("g", name)
				if err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				if _, err := io.Copy(&out, r); err != nil {
					t.Fatal(err)
				}
				r.Close()
				if !bytes.Equal(out.Bytes(), want) || blob.SHA256 != digest(want) {
					t.Errorf("memory %d, %s: content differs", memory, name)
				}
			}
		}
	}
}

func TestNothingIsVisibleBeforeCommit(t *testing.T) {
	for _, memory := range []int64{0, 1 << 20} {
		s := open(t, t.TempDir(), memory)
		w, err := s.Create("g", "n")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content(1, 100_000)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Open("g", "n"); !errors.Is(err, fs.ErrNotExist) || s.Has("g", "n") {
			t.Errorf("a half written object can be opened: %v", err)
		}
		if err := w.Abort(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(); !errors.Is(err, spool.ErrEnded) {
			t.Errorf("commit after abort: %v", err)
		}
		if u := s.Usage(); u != (spool.Usage{}) {
			t.Errorf("after abort something is left: %+v", u)
		}
	}
}

func TestABigObjectMovesToDiskAndLeavesTheMemoryToOthers(t *testing.T) {
	s := open(t, t.TempDir(), 4*spool.ChunkSize)
	big := content(3, 40*spool.ChunkSize)
	put(t, s, "g", "big", big)
	if u := s.Usage(); u.Memory != 0 || u.Disk != int64(len(big)) {
		t.Errorf("usage is %+v", u)
	}
	put(t, s, "g", "small", content(4, 100))
	if u := s.Usage(); u.Memory != spool.ChunkSize {
		t.Errorf("a small object is not in memory: %+v", u)
	}
	if !bytes.Equal(get(t, s, "g", "big"), big) {
		t.Error("content differs")
	}
}

func TestFilesAreHashedAndPrivate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	put(t, s, "../../etc", "../passwd", []byte("x"))
	path := s.FileOf("../../etc", "../passwd")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if rel, err := filepath.Rel(dir, path); err != nil || strings.Contains(rel, "..") {
		t.Errorf("the file is outside of the folder: %s", path)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v", info.Mode())
	}
}

func TestTheFirstOfTwoContentsStays(t *testing.T) {
	for _, memory := range []int64{0, 1 << 20} {
		s := open(t, t.TempDir(), memory)
		first, second := content(1, 5000), content(2, 6000)
		put(t, s, "g", "n", first)
		if blob := put(t, s, "g", "n", first); blob.SHA256 != digest(first) {
			t.Errorf("the same again: %+v", blob)
		}
		w, _ := s.Create("g", "n")
		w.Write(second)
		_, err := w.Commit()
		var conflict *spool.ConflictError
		if !errors.As(err, &conflict) || conflict.Kept.SHA256 != digest(first) || conflict.Refused.SHA256 != digest(second) {
			t.Fatalf("commit of other content: %v", err)
		}
		if _, err := w.CommitAs("n put aside"); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(get(t, s, "g", "n"), first) || !bytes.Equal(get(t, s, "g", "n put aside"), second) {
			t.Error("content differs")
		}
		if u := s.Usage(); u.Blobs != 2 {
			t.Errorf("usage is %+v", u)
		}
	}
}

func TestAReaderOutlivesRemoval(t *testing.T) {
	for _, memory := range []int64{0, 8 * spool.ChunkSize} {
		s := open(t, t.TempDir(), memory)
		want := content(5, 3*spool.ChunkSize)
		put(t, s, "g", "n", want)
		r, _, err := s.Open("g", "n")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveGroup("g"); err != nil {
			t.Fatal(err)
		}
		put(t, s, "g", "other", content(6, 5*spool.ChunkSize)) // must not get the reader's chunks
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("removed content reads differently: %v", err)
		}
		r.Close()
		if err := s.Remove("g", "other"); err != nil {
			t.Fatal(err)
		}
		if u := s.Usage(); u != (spool.Usage{}) || s.Free() != int(memory/spool.ChunkSize) {
			t.Errorf("something is left: %+v, %d chunks free", u, s.Free())
		}
	}
}

func TestARestartFindsWhatIsWholeAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	want := content(7, 200_000)
	put(t, s, "g", "n", want)
	put(t, s, "g", "damaged", content(8, 1000))
	put(t, s, "gone", "n", content(8, 1000))
	half, _ := s.Create("g", "half")
	half.Write(content(9, 1000)) // and the process dies
	s.Close()
	damaged := s.FileOf("g", "damaged")
	if err := os.WriteFile(damaged, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir, 1<<20)
	if u := s.Usage(); u.Blobs != 3 || u.Disk != int64(len(want))+1000 {
		t.Errorf("usage after the restart is %+v", u)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tmp", "*")); len(left) > 0 {
		t.Errorf("half written content is left: %v", left)
	}
	if n, err := s.Retain(func() ([]string, error) { return []string{"g", "another"}, nil }); n != 1 || err != nil {
		t.Fatalf("%d groups were removed, %v", n, err)
	}
	if s.Has("gone", "n") {
		t.Error("content of no open study is kept")
	}
	for name, whole := range map[string]bool{"n": true, "damaged": false, "half": false} {
		sum := map[string]string{"n": digest(want), "damaged": digest(content(8, 1000)), "half": digest(content(9, 1000))}[name]
		ok, err := s.Check("g", name, sum)
		if err != nil || ok != whole || s.Has("g", name) != whole {
			t.Errorf("check of %s: %v, %v", name, ok, err)
		}
	}
	if !bytes.Equal(get(t, s, "g", "n"), want) {
		t.Error("content differs")
	}
}

func TestUncheckedContentOfAnEarlierProcessIsReplaced(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	put(t, s, "g", "n", content(1, 1000))
	s.Close()
	s = open(t, dir, 1<<20)
	fresh := content(2, 500)
	put(t, s, "g", "n", fresh)
	if !bytes.Equal(get(t, s, "g", "n"), fresh) {
		t.Error("content differs")
	}
	s.Close()
	if s = open(t, dir, 0); s.Has("g", "n") {
		t.Error("what was replaced by content in memory came back from disk")
	}
}

func TestTwoProcessesDoNotShareAFolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 0)
	if _, err := spool.Open(spool.Options{Dir: dir}); !errors.Is(err, spool.ErrInUse) {
		t.Errorf("a second opening: %v", err)
	}
	s.Close()
	open(t, dir, 0)
}

func TestManyAtOnceStayWithinTheBudget(t *testing.T) {
	const budget = 16 * spool.ChunkSize
	s := open(t, t.TempDir(), budget)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 30 {
				group, name := fmt.Sprint("study ", worker), fmt.Sprint(i)
				want := content(uint64(worker*100+i), (i%7)*spool.ChunkSize+i)
				put(t, s, group, name, want)
				if !bytes.Equal(get(t, s, group, name), want) {
					t.Errorf("%s of %s differs", name, group)
				}
				if u := s.Usage(); u.Memory > budget {
					t.Errorf("%d bytes in memory", u.Memory)
				}
				if i%10 == 9 {
					if err := s.RemoveGroup(group); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if u := s.Usage(); u != (spool.Usage{}) || s.Free() != 16 {
		t.Errorf("something is left: %+v, %d chunks free", u, s.Free())
	}
}
