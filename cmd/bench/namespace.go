package main

import (
	"fmt"
	"os"
	"strings"
)

// congestionFile says how TCP guesses what a line bears. The kernel answers for the
// network namespace of the thread that asks.
const congestionFile = "/proc/sys/net/ipv4/tcp_congestion_control"

// congestionControl is what new connections go by here.
func congestionControl() string {
	text, err := os.ReadFile(congestionFile)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// networkHere says what everything is measured in. hindrance is why this is not all that
// it should be: a namespace of its own, with Debian's settings.
func networkHere(own bool, hindrance error) string {
	where := "the network namespace of the host"
	if own {
		where = "a network namespace of its own"
	}
	if hindrance != nil {
		where += fmt.Sprintf(" (%v)", hindrance)
	}
	return fmt.Sprintf("TCP congestion control %s, in %s", congestionControl(), where)
}
