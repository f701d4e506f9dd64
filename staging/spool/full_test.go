package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A disk that is full is played by /dev/full, which refuses every byte with
// ENOSPC.
func TestAFullDiskIsErrFullAndPasses(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	s, err := Open(Options{Dir: t.TempDir(), Memory: chunkSize})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := s.Create("g", "n")
	if err != nil {
		t.Fatal(err)
	}
	if w.file, err = os.OpenFile("/dev/full", os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(make([]byte, 100))
	var temporary interface{ Temporary() bool }
	if !errors.Is(err, ErrFull) || !errors.As(err, &temporary) || !temporary.Temporary() {
		t.Errorf("write on a full disk: %v", err)
	}
	if _, err := w.Commit(); !errors.Is(err, ErrFull) {
		t.Errorf("commit after it: %v", err)
	}
	w.file.Close()
	w.file, w.closed = nil, true // or Abort would remove /dev/full
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
}

func TestATemporaryFolderThatIsGoneIsAnError(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.RemoveAll(filepath.Join(dir, temporary)); err != nil {
		t.Fatal(err)
	}
	w, err := s.Create("g", "n")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("written to nowhere")
	}
}

func TestTheLastOfTheDiskIsLeftToOthers(t *testing.T) {
	free := int64(askRoomEvery)
	s, err := Open(Options{Dir: t.TempDir(), Disk: func() (int64, int64, error) { return free, 100 * askRoomEvery, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write := func() error {
		w, err := s.Create("g", "n")
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		_, err = w.Write([]byte("content"))
		return err
	}
	if err := write(); !errors.Is(err, ErrFull) {
		t.Errorf("written into the reserve: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(s.files.dir, temporary, "*")); len(left) > 0 || err != nil {
		t.Errorf("%v are left, %v", left, err)
	}
	free = 90 * askRoomEvery
	if err := write(); err != nil {
		t.Errorf("not written when there was room again: %v", err)
	}
}
