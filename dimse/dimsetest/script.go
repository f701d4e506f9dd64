package dimsetest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const (
	// stepWithin bounds each step of a script.
	stepWithin = 10 * time.Second
	// maxScriptPDU is the longest PDU a script reads.
	maxScriptPDU = 4 << 20
)

// A Step is one turn of a scripted conversation. It gets the last PDU that was
// read, and returns the one that is the last one afterwards.
type Step func(conn net.Conn, last []byte) ([]byte, error)

// Play runs the steps over a connection, whichever side dialled it, and then
// closes it. The first step that does not go as written ends it.
func Play(conn net.Conn, steps ...Step) error {
	defer conn.Close()
	var last []byte
	for i, step := range steps {
		err := conn.SetDeadline(time.Now().Add(stepWithin))
		if err == nil {
			last, err = step(conn, last)
		}
		if errors.Is(err, errEndOfScript) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("script, step %d: %w", i+1, err)
		}
	}
	return nil
}

// Scripted listens on a free loopback port and plays one script a connection,
// in the order given; it stops listening after the last. The test fails when a
// conversation does not go as written, and ends only after the last one.
func Scripted(tb testing.TB, scripts ...[]Step) (address string) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- playAll(listener, scripts) }()
	tb.Cleanup(func() {
		listener.Close()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return listener.Addr().String()
}

func playAll(listener net.Listener, scripts [][]Step) error {
	defer listener.Close()
	for i, steps := range scripts {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("connection %d never came: %w", i+1, err)
		}
		if err := Play(conn, steps...); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
	}
	return nil
}

// Expect reads one PDU and wants it to be of the given type (PS3.8 §9.3.1).
func Expect(pduType byte) Step {
	return func(conn net.Conn, _ []byte) ([]byte, error) {
		pdu, err := readPDU(conn)
		if err != nil {
			return nil, fmt.Errorf("expect PDU %02XH: %w", pduType, err)
		}
		if pdu[0] != pduType {
			return pdu, fmt.Errorf("expect PDU %02XH: got % X", pduType, pdu[:min(len(pdu), 64)])
		}
		return pdu, nil
	}
}

// ExpectMessage reads P-DATA-TF PDUs until the last fragment of a command, and
// of a data set too if withData is set. What it read is the last PDU.
func ExpectMessage(withData bool) Step {
	return func(conn net.Conn, _ []byte) ([]byte, error) {
		var command, data bool
		var all []byte
		for !command || withData && !data {
			pdu, err := readPDU(conn)
			if err != nil {
				return all, fmt.Errorf("expect message: %w", err)
			}
			if pdu[0] != 0x04 {
				return all, fmt.Errorf("expect message: got PDU % X", pdu[:min(len(pdu), 64)])
			}
			c, d := lastFragments(pdu[6:])
			command, data = command || c, data || d
			all = append(all, pdu...)
		}
		return all, nil
	}
}

// lastFragments looks at the control headers of a P-DATA-TF's values (PS3.8 §E.2).
func lastFragments(values []byte) (command, data bool) {
	for len(values) >= 6 {
		n := binary.BigEndian.Uint32(values)
		switch header := values[5]; header & 3 {
		case 3:
			command = true
		case 2:
			data = true
		}
		values = values[min(uint64(len(values)), 4+uint64(n)):]
	}
	return command, data
}

// Send writes bytes as they are.
func Send(b []byte) Step {
	return func(conn net.Conn, last []byte) ([]byte, error) {
		_, err := conn.Write(b)
		return last, err
	}
}

// SendHex writes bytes given in hexadecimal; white space does not count.
func SendHex(text string) Step {
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return func(net.Conn, []byte) ([]byte, error) { return nil, err }
	}
	return Send(b)
}

// Answer writes what the function makes of the last PDU that was read.
func Answer(with func(last []byte) []byte) Step {
	return func(conn net.Conn, last []byte) ([]byte, error) {
		_, err := conn.Write(with(bytes.Clone(last)))
		return last, err
	}
}

// Wait goes on when the channel is closed.
func Wait(signal <-chan struct{}) Step {
	return func(_ net.Conn, last []byte) ([]byte, error) {
		timer := time.NewTimer(stepWithin)
		defer timer.Stop()
		select {
		case <-signal:
			return last, nil
		case <-timer.C:
			return last, errors.New("wait: no signal")
		}
	}
}

// Silence says nothing and reads on until the other side ends the connection.
func Silence() Step {
	return func(conn net.Conn, _ []byte) ([]byte, error) {
		_, err := io.Copy(io.Discard, conn)
		if nerr := net.Error(nil); errors.As(err, &nerr) && nerr.Timeout() {
			return nil, fmt.Errorf("silence: %w", err)
		}
		return nil, errEndOfScript
	}
}

// Hang closes the connection without a word; with rst set it resets it.
func Hang(rst bool) Step {
	return func(conn net.Conn, _ []byte) ([]byte, error) {
		if rst {
			reset(conn)
		}
		return nil, errEndOfScript
	}
}

var errEndOfScript = errors.New("end of script")

// readPDU reads one PDU with its six bytes of header (PS3.8 §9.3.1).
func readPDU(r io.Reader) ([]byte, error) {
	head := make([]byte, 6)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[2:])
	if n > maxScriptPDU {
		return nil, fmt.Errorf("PDU of %d bytes", n)
	}
	pdu := append(head, make([]byte, n)...)
	_, err := io.ReadFull(r, pdu[6:])
	return pdu, err
}
