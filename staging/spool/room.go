package spool

import "syscall"

const (
	// reserve is how many bytes of the disk are left to others at most: the ledger
	// may lie beside the spool, and must be able to note what was done.
	reserve = 64 << 20
	// reservePart is which part of a smaller disk that is.
	reservePart = 20
	// askRoomEvery is after how many bytes the disk is asked again.
	askRoomEvery = 8 << 20
)

// room returns an error that is ENOSPC where the disk has only its reserve left.
func (s *Spool) room() error {
	free, size, err := s.disks()
	if err == nil && free <= min(reserve, size/reservePart) {
		return syscall.ENOSPC
	}
	return err
}

// Room returns ErrFull where the disk has only its reserve left: who writes beside the
// spool leaves it too.
func (s *Spool) Room() error { return diskError("spool: ask for room", s.room()) }
