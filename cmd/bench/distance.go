package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// window is how many bytes may be on their way through the proxy in one direction
// of a connection: more than any line of 20 ms needs.
const window = 8 << 20

// startDistance opens a place to listen that is some way off, and tells the address to
// dial. The way is a link between two network namespaces; where that is not allowed,
// it is a TCP proxy. The output says which.
func startDistance(t *stage, roundTrip time.Duration) (net.Listener, string) {
	listener, end, err := listenOverLink(roundTrip)
	if err == nil {
		fmt.Printf("  %v away by a TUN link between two network namespaces\n", roundTrip)
		t.Cleanup(end)
		return listener, listener.Addr().String()
	}
	fmt.Printf("  %v away by a delaying TCP proxy; no TUN link: %v\n", roundTrip, err)
	listener = listenHere(t)
	return listener, startProxy(t, listener.Addr().String(), roundTrip)
}

// listenHere opens a place to listen in this machine.
func listenHere(t *stage) net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// startProxy puts a target some way off by a TCP proxy that holds every byte back for
// half the round trip. It returns the address to dial. It knows no slow start.
func startProxy(t *stage, target string, roundTrip time.Duration) string {
	listener := listenHere(t)
	var conns sync.WaitGroup
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { carryFar(near, target, roundTrip/2) })
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-ended
	})
	return listener.Addr().String()
}

// carryFar carries one connection both ways.
func carryFar(near net.Conn, target string, delay time.Duration) {
	defer near.Close()
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	var both sync.WaitGroup
	both.Go(func() { delayed(far, near, delay, window/parcelSize) })
	both.Go(func() { delayed(near, far, delay, window/parcelSize) })
	both.Wait()
}

// parcel is what was read at once, and when it is due.
type parcel struct {
	due  time.Time
	data []byte
	err  error
}

// parcelSize has room for the longest IP packet and what the kernel says about it.
const parcelSize = 65 << 10

var parcels = sync.Pool{New: func() any { return make([]byte, parcelSize) }}

// delayed carries one direction until its source ends, with room for so many parcels
// on the way. What is read at once is written at once: a packet stays a packet.
func delayed(to io.WriteCloser, from io.ReadCloser, delay time.Duration, room int) {
	line := make(chan parcel, room)
	go func() {
		defer close(line)
		for {
			buffer := parcels.Get().([]byte)
			n, err := from.Read(buffer[:parcelSize])
			line <- parcel{time.Now().Add(delay), buffer[:n], err}
			if err != nil {
				return
			}
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	broken := false
	for p := range line {
		if wait := time.Until(p.due); wait > 0 && !broken {
			timer.Reset(wait)
			<-timer.C
		}
		if _, err := to.Write(p.data); err != nil && !broken {
			broken = true
			from.Close()
		}
		//lint:ignore SA6002 a slice header a parcel of 64 KiB and more is nothing
		parcels.Put(p.data[:parcelSize])
		if half, can := to.(interface{ CloseWrite() error }); can && errors.Is(p.err, io.EOF) {
			half.CloseWrite()
		} else if p.err != nil {
			to.Close()
		}
	}
}
