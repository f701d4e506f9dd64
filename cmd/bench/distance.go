package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// window is how many bytes may be on their way through a distance in one direction
// of a connection: more than any line of 20 ms needs.
const window = 8 << 20

// startDistance puts a target some way off: a TCP proxy that holds every byte back
// for half the round trip. It returns the address to dial.
func startDistance(t *stage, target string, roundTrip time.Duration) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
	both.Go(func() { delayed(far, near, delay) })
	both.Go(func() { delayed(near, far, delay) })
	both.Wait()
}

// parcel is what was read at once, and when it is due.
type parcel struct {
	due  time.Time
	data []byte
	err  error
}

const parcelSize = 64 << 10

var parcels = sync.Pool{New: func() any { return make([]byte, parcelSize) }}

// delayed carries one direction until its source ends.
func delayed(to, from net.Conn, delay time.Duration) {
	line := make(chan parcel, window/parcelSize)
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
		if errors.Is(p.err, io.EOF) {
			to.(*net.TCPConn).CloseWrite()
		} else if p.err != nil {
			to.Close()
		}
	}
}
