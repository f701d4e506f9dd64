package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

func TestTheProxyCostsARoundTripAndNoBytes(t *testing.T) {
	const roundTrip = 40 * time.Millisecond
	err := onStage(func(s *stage) error {
		listener := listenHere(s)
		s.Cleanup(func() { listener.Close() })
		return echo(listener, startProxy(s, listener.Addr().String(), roundTrip), roundTrip)
	})
	if err != nil {
		t.Error(err)
	}
}

// echo has the listener send back what it is given, and complains when that is not what
// was sent to address, or comes sooner than a round trip takes.
func echo(listener net.Listener, address string, roundTrip time.Duration) error {
	echoed := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = io.Copy(conn, conn)
			err = errors.Join(err, conn.Close())
		}
		echoed <- err
	}()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	text := make([]byte, 4<<20)
	for i := range text {
		text[i] = byte(i * i >> 7)
	}
	sent := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := conn.Write(text)
		sent <- errors.Join(err, conn.(*net.TCPConn).CloseWrite())
	}()
	back := make([]byte, len(text))
	if _, err := io.ReadFull(conn, back[:1]); err != nil {
		return err
	}
	first := time.Since(began)
	if _, err := io.ReadFull(conn, back[1:]); err != nil {
		return err
	}
	if first < roundTrip {
		err = fmt.Errorf("there and back in %v, want at least %v", first, roundTrip)
	}
	if !bytes.Equal(back, text) {
		err = errors.Join(err, errors.New("other bytes came back"))
	}
	return errors.Join(err, <-sent, <-echoed)
}
