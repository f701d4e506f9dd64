package main

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The two ends of a link, of the addresses that are kept for examples (RFC 5737).
var nearAddress, farAddress, linkMask = [4]byte{192, 0, 2, 1}, [4]byte{192, 0, 2, 2}, [4]byte{255, 255, 255, 252}

const (
	linkMTU = 1500
	// linkRoom is how many packets may be on their way in one direction, and how many
	// the kernel keeps for us: more than TCP lets so few connections send, so that none
	// is lost.
	linkRoom = 1 << 14
)

// link is a line between the network namespace of the thread that made it and one
// that is made for the purpose: a TUN device in each, and somebody in between who
// holds every packet back. TCP is that of the kernel at both ends, slow start included.
//
// The devices take what the kernel gives to a network card that cuts long packets to
// the MTU itself, and these cross whole: a packet of 1,500 bytes at a time would cost
// more CPU than the archives.
type link struct {
	near, far *os.File
	listener  net.Listener // at the far end
	carriers  sync.WaitGroup
}

func startLink(roundTrip time.Duration) (*link, error) {
	l := &link{}
	err := inNewNamespace(func() (err error) {
		if err = settle(); err != nil {
			return err
		}
		if l.far, err = openTUN(farAddress); err != nil {
			return err
		}
		l.listener, err = net.Listen("tcp", net.IP(farAddress[:]).String()+":0")
		return err
	})
	if err == nil {
		l.near, err = openTUN(nearAddress)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	l.carriers.Go(func() { delayed(l.far, l.near, roundTrip/2, linkRoom) })
	l.carriers.Go(func() { delayed(l.near, l.far, roundTrip/2, linkRoom) })
	return l, nil
}

// close ends the link; its namespace ends with the last socket in it.
func (l *link) close() {
	if l.listener != nil {
		l.listener.Close()
	}
	for _, end := range []*os.File{l.near, l.far} {
		if end != nil {
			end.Close()
		}
	}
	l.carriers.Wait()
}

// openTUN makes a TUN device in the network namespace of the calling thread. It lives
// as long as its file is open.
func openTUN(at [4]byte) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	if err := setUpTUN(fd, at); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set up a TUN device: %w", err)
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}

func setUpTUN(fd int, at [4]byte) error {
	device, err := unix.NewIfreq("bench%d") // the kernel fills in the number
	if err != nil {
		return err
	}
	device.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, device); err != nil {
		return err
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4); err != nil {
		return err
	}
	return configure(device.Name(),
		setting{"MTU", unix.SIOCSIFMTU, withNumber(linkMTU)},
		setting{"queue", unix.SIOCSIFTXQLEN, withNumber(linkRoom)},
		setting{"address", unix.SIOCSIFADDR, withAddress(at)},
		setting{"mask", unix.SIOCSIFNETMASK, withAddress(linkMask)},
		setting{"flags", unix.SIOCSIFFLAGS, withFlags(unix.IFF_UP)})
}

// listenOverLink listens at the far end of a new link, which end takes down.
func listenOverLink(roundTrip time.Duration) (listener net.Listener, end func(), err error) {
	l, err := startLink(roundTrip)
	if err != nil {
		return nil, nil, err
	}
	return l.listener, l.close, nil
}
