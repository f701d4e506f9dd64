package dimse_test

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// ended says whether the peer has closed or reset a TCP connection.
func ended(raw syscall.RawConn) (yes bool) {
	const established = 1 // TCP_ESTABLISHED of the kernel
	err := raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		yes = err != nil || info.State != established
	})
	return yes || err != nil
}
