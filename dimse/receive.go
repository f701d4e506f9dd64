package dimse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"pacsbridge/dimse/pdu"
)

// run reads what the peer sends until the connection is closed. It is the only
// goroutine that reads.
func (a *Association) run() {
	a.buffer = readBuffers.Get().(*bufio.Reader)
	a.buffer.Reset(a.link)
	a.in = pdu.NewReader(a.buffer)
	a.messages()
	for a.currentState() != Sta1 {
		a.receive()
	}
	a.end(ErrClosed)
	a.leave()
	_ = a.link.Close()
	a.tasks.Wait()
	a.buffer.Reset(nil)
	readBuffers.Put(a.buffer)
	close(a.done)
}

// rest waits for the next message without holding a buffer, since idle
// associations are many.
func (a *Association) rest() {
	if !a.in.Idle() {
		return
	}
	a.buffer.Reset(nil)
	readBuffers.Put(a.buffer)
	a.begin.await()
	a.buffer = readBuffers.Get().(*bufio.Reader)
	a.buffer.Reset(&a.begin)
	a.in.Reset(a.buffer)
}

// beginning is a connection of which the first bytes of a message were read
// already, or could not be. Most answers are no longer than that.
type beginning struct {
	*link
	first [256]byte
	have  []byte // of first, not yet taken
	err   error
}

// await waits for the first bytes of a message.
func (b *beginning) await() {
	n, err := b.link.Read(b.first[:])
	b.have, b.err = b.first[:n], err
}

func (b *beginning) Read(p []byte) (int, error) {
	if len(b.have) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		return b.link.Read(p)
	}
	n := copy(p, b.have)
	b.have = b.have[n:]
	return n, nil
}

// messages serves message after message while the association lasts. A panic in
// it, ours or a handler's, ends this association alone.
func (a *Association) messages() {
	defer a.recovered()
	for !a.failed.Load() && a.message() {
	}
}

// recovered turns a panic into the end of the association.
func (a *Association) recovered() {
	if p := recover(); p != nil {
		a.log.Error("panic in an association", "peer", a.peer.Addr, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		a.fail(fmt.Errorf("panic: %v", p))
	}
}

// pduEvents gives the event of table 9-10 for each PDU.
var pduEvents = map[pdu.Type]Event{
	pdu.TypeAssociateRQ: EvtAssociateRQ, pdu.TypeAssociateAC: EvtAssociateAC, pdu.TypeAssociateRJ: EvtAssociateRJ,
	pdu.TypeData: EvtData, pdu.TypeReleaseRQ: EvtReleaseRQ, pdu.TypeReleaseRP: EvtReleaseRP, pdu.TypeAbort: EvtAbort,
}

// receive reads PDUs and lets the state machine answer them. It returns true at
// the beginning of a P-DATA-TF that belongs to a message, false when there will
// be none.
func (a *Association) receive() bool {
	for {
		t, err := a.in.Next()
		if err != nil {
			a.lost(err)
			return false
		}
		event, known := pduEvents[t]
		var p pdu.PDU
		switch {
		case !known:
			event, p = EvtInvalid, &pdu.Abort{Source: pdu.AbortByProvider, Reason: pdu.AbortUnrecognizedPDU}
		case t != pdu.TypeData:
			if p, err = a.in.Control(); err != nil {
				a.lost(err)
				return false
			}
		}
		before := a.currentState()
		action := a.fire(event)
		if action == AA8 || action == AA1 {
			a.end(protocolErrorf("%s in %s", t, before))
		}
		a.perform(action, p)
		if action == DT2 || action == AR6 {
			return true
		}
		if s := a.currentState(); s == Sta1 || s == Sta13 {
			return false
		}
	}
}

// lost answers a read that failed: the peer fell silent, sent nonsense, or is
// gone.
func (a *Association) lost(err error) {
	switch s := a.currentState(); {
	case errors.Is(err, pdu.ErrMalformed):
		a.breach(protocolErrorf("%v", err))
	case isTimeout(err) && (s == Sta13 || s == Sta2):
		a.perform(a.fire(EvtExpired), nil)
	case isTimeout(err):
		a.fail(&TimeoutError{Waiting: "the peer to send"})
		a.link.closeBy(time.Now()) // nothing of a silent peer can cross our A-ABORT
	default:
		action := a.fire(EvtClosed)
		a.end(transportError("read from peer", err))
		a.perform(action, nil)
	}
}

// nextValue goes to the next fragment, across PDUs.
func (a *Association) nextValue() (pdu.ValueHeader, bool) {
	for {
		v, ok, err := a.in.NextValue()
		if err != nil {
			a.lost(err)
			return v, false
		}
		if ok {
			return v, true
		}
		if !a.receive() {
			return v, false
		}
	}
}

// message reads one message and has it served.
func (a *Association) message() bool {
	a.expectMessage()
	a.rest()
	command, contextID, ok := a.readCommand()
	if !ok {
		return false
	}
	pc, ok := a.contextByID(contextID)
	if !ok {
		a.breach(protocolErrorf("message on presentation context %d, which is not accepted", contextID))
		return false
	}
	m := &incoming{Command: command, context: pc}
	if command.HasData {
		m.data = &dataReader{a: a, contextID: contextID}
	}
	a.serve(m)
	return m.data == nil || m.data.drain()
}

// incoming is a message of the peer; data, when there is one, must be read
// before the next message can be.
type incoming struct {
	*Command
	context     Context
	data        *dataReader
	performance *performance // nil: it is served in the reading goroutine
}

// expectMessage sets how long the peer may be silent between two messages. A
// requestor waits with the time-outs of its operations; an acceptor that is
// busy answering expects nothing. What ends one meanwhile (endPerforming) comes
// before or after, not between.
func (a *Association) expectMessage() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.role == Requestor || a.running > 0 {
		a.link.expect(0)
	} else {
		a.link.expect(a.timeouts.Idle)
	}
}

// messagePatience is how long a message may take to come on, once begun.
func (a *Association) messagePatience() time.Duration {
	if a.role == Requestor {
		return a.timeouts.Response
	}
	return a.timeouts.Idle
}

// readCommand collects the fragments of a command set (PS3.8 annex E.1).
func (a *Association) readCommand() (*Command, byte, bool) {
	b := a.command[:0]
	var contextID byte
	for first := true; ; first = false {
		v, ok := a.nextValue()
		if !ok {
			return nil, 0, false
		}
		if first {
			contextID = v.ContextID
			a.link.expect(a.messagePatience())
		}
		if err := checkCommandFragment(v, contextID, len(b)); err != nil {
			a.breach(err)
			return nil, 0, false
		}
		start := len(b)
		b = append(b, make([]byte, v.Length)...)
		if _, err := io.ReadFull(a.in, b[start:]); err != nil {
			a.lost(err)
			return nil, 0, false
		}
		if v.Last {
			break
		}
	}
	a.command = b
	command, err := DecodeCommand(b)
	if err != nil {
		a.breach(err)
		return nil, 0, false
	}
	return command, contextID, true
}

func checkCommandFragment(v pdu.ValueHeader, contextID byte, have int) error {
	switch {
	case !v.Command:
		return protocolErrorf("fragment of a data set where a command set must begin")
	case v.ContextID != contextID:
		return protocolErrorf("command set on two presentation contexts")
	case uint64(have)+uint64(v.Length) > maxCommandLength:
		return protocolErrorf("command set of more than %d bytes", maxCommandLength)
	}
	return nil
}
