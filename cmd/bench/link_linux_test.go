package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// isolated runs play in a network namespace of its own, and skips the test where
// namespaces or TUN devices are not to be had.
func isolated(t *testing.T, play func() error) {
	t.Helper()
	permitted := func() error {
		for _, file := range []string{congestionFile, "/dev/net/tun"} {
			f, err := os.OpenFile(file, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			f.Close()
		}
		return nil
	}
	if err := inNewNamespace(permitted); err != nil {
		t.Skipf("network namespaces or TUN devices are not permitted here: %v", err)
	}
	err := inNewNamespace(func() error { return errors.Join(settle(), play()) })
	if err != nil {
		t.Error(err)
	}
}

func TestALinkCostsARoundTripAndNoBytes(t *testing.T) {
	const roundTrip = 40 * time.Millisecond
	isolated(t, func() error {
		l, err := startLink(roundTrip)
		if err != nil {
			return err
		}
		defer l.close()
		if err := echo(l.listener, l.listener.Addr().String(), roundTrip); err != nil {
			return err
		}
		return lostNothing()
	})
}

// lostNothing complains when an interface of the calling thread's namespace dropped
// a packet.
func lostNothing() error {
	text, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return err
	}
	for row := range strings.Lines(string(text)) {
		// The name; bytes, packets, errors and drops received, and four more; the same sent.
		fields := strings.Fields(row)
		if strings.HasSuffix(fields[0], ":") && (fields[4] != "0" || fields[12] != "0") {
			return fmt.Errorf("packets were dropped: %s", row)
		}
	}
	return nil
}

func TestANewNamespaceHasDebiansSettings(t *testing.T) {
	isolated(t, func() error {
		if err := os.WriteFile(congestionFile, []byte("reno"), 0); err != nil {
			return err
		}
		if err := settle(); err != nil {
			return err
		}
		if got := congestionControl(); got != "cubic" {
			return fmt.Errorf("the congestion control is %s, want cubic", got)
		}
		return nil
	})
}
