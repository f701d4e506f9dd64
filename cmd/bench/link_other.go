//go:build !linux

package main

import (
	"errors"
	"net"
	"time"
)

// listenOverLink is for Linux alone.
func listenOverLink(time.Duration) (net.Listener, func(), error) {
	return nil, nil, errors.New("not supported but on Linux")
}
