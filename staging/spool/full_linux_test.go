package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// On the disk there is no room for so much as a folder.
func TestAFullDiskGetsItsRoomBack(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=8m,nr_inodes=64"); err != nil {
		t.Skipf("a small disk needs the right to mount one: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	s, err := Open(Options{Dir: filepath.Join(disk, "spool")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := s.Create("study", "instance")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, chunkSize)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil; i++ {
		err = os.Mkdir(filepath.Join(disk, strconv.Itoa(i)), 0o700)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := s.RemoveGroup("study"); err != nil || s.Usage().Disk != 0 {
		t.Errorf("the disk is full, and what would make room is not removed: %v; %+v", err, s.Usage())
	}
}
