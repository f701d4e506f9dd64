package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// settledIn tells this program that it has been started anew in a namespace of its own.
const settledIn = "PACSBRIDGE_BENCH_NAMESPACE"

// debian are the settings of TCP in Debian 12, for hosts that have others: BBR, which
// some have, paces by timers even within one machine.
var debian = []struct{ file, value string }{
	{congestionFile, "cubic"},
	{"/proc/sys/net/ipv4/tcp_rmem", "4096 131072 6291456"},
	{"/proc/sys/net/ipv4/tcp_wmem", "4096 16384 4194304"},
}

// ownNamespace has the program run in a network namespace of its own, with Debian's
// settings. It replaces the program by itself, so that process id, signals and exit
// code stay what they are; it returns in the second life, or where there is none, and
// tells what it was hindered by.
//
// Only root gets one: others would need a user namespace and be root in it, and
// PostgreSQL refuses to run as root and has nobody there to run as.
func ownNamespace() (own bool, err error) {
	if _, inside := os.LookupEnv(settledIn); inside {
		os.Unsetenv(settledIn) // it is not for those who are started from here
		return true, settle()
	}
	if os.Geteuid() != 0 {
		return false, errors.New("only root gets another")
	}
	// There is no network inside: what the builds to come need is fetched now, and if
	// that goes wrong, they say so themselves.
	exec.Command("go", "list", "-deps", "-test", "./cmd/pacsbridge", "./staging").Run()
	program, err := os.Executable()
	if err != nil {
		return false, err
	}
	// Of all threads the one that calls exec lives on.
	return false, inNewNamespace(func() error {
		err := syscall.Exec(program, os.Args, append(os.Environ(), settledIn+"=own"))
		return fmt.Errorf("start anew in a network namespace: %w", err)
	})
}

// inNewNamespace calls do on a thread in a network namespace that nobody else is in.
// What do opens stays in there.
func inNewNamespace(do func() error) error {
	done := make(chan error)
	go func() {
		// For good: the thread ends with this function, and nobody else may run on it.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err != nil {
			err = fmt.Errorf("make a network namespace: %w", err)
		} else {
			err = do()
		}
		done <- err
	}()
	return <-done
}

// settle makes the network namespace of the calling thread, which is new, fit to be
// used.
func settle() error {
	err := configure("lo", setting{"flags", unix.SIOCSIFFLAGS, withFlags(unix.IFF_UP)})
	for _, s := range debian {
		err = errors.Join(err, os.WriteFile(s.file, []byte(s.value), 0))
	}
	return err
}

// setting is one thing that an interface of the network is told.
type setting struct {
	what    string
	request uint
	fill    func(*unix.Ifreq) error
}

func withFlags(f uint16) func(*unix.Ifreq) error {
	return func(r *unix.Ifreq) error { r.SetUint16(f); return nil }
}

func withNumber(n uint32) func(*unix.Ifreq) error {
	return func(r *unix.Ifreq) error { r.SetUint32(n); return nil }
}

func withAddress(a [4]byte) func(*unix.Ifreq) error {
	return func(r *unix.Ifreq) error { return r.SetInet4Addr(a[:]) }
}

// configure tells an interface of the calling thread's namespace its settings.
func configure(name string, settings ...setting) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	for _, s := range settings {
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := s.fill(request); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(socket, s.request, request); err != nil {
			return fmt.Errorf("%s of %s: %w", s.what, name, err)
		}
	}
	return nil
}
