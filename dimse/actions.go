package dimse

import (
	"time"

	"pacsbridge/dimse/pdu"
)

// abortLinger is how long we wait, after an A-ABORT of ours, for the peer to
// close the connection, so that the abort is not lost with what it had not yet
// read. The standard would let ARTIM run; a peer that is being aborted is often
// one that does nothing any more. One that is aborted for its silence is not
// waited for at all.
const abortLinger = 2 * time.Second

// perform does what an action of the state table asks for; p is the PDU that
// was received, or the A-ABORT to be sent. Actions that only concern data are
// done by who sends or reads it.
func (a *Association) perform(action Action, p pdu.PDU) {
	switch action {
	case AR2, AR10:
		a.end(ErrClosed)
		a.perform(a.fire(EvtReleaseResponse), nil)
	case AR8:
		a.end(ErrClosed)
		if a.role == Requestor {
			a.perform(a.fire(EvtReleaseResponse), nil)
		}
	case AR9:
		a.sendControl(&pdu.ReleaseRP{})
	case AR4:
		a.leave()
		a.link.closeBy(time.Now().Add(a.timeouts.ARTIM))
		a.sendControl(&pdu.ReleaseRP{})
	case AR3:
		a.mu.Lock()
		a.released = true
		a.mu.Unlock()
		a.end(ErrClosed)
	case AA1:
		a.sendAbort(&pdu.Abort{Source: pdu.AbortByUser})
	case AA7, AA8:
		a.sendAbort(providerAbort(p))
	case AA3:
		a.end(abortReceived(p))
	}
	if a.currentState() == Sta1 {
		a.leave()
		_ = a.link.Close()
	}
}

// sendControl sends a PDU that is no data. What goes wrong the reading
// goroutine notices.
func (a *Association) sendControl(p pdu.PDU) {
	if b, err := p.AppendTo(nil); err == nil {
		_, _ = a.link.Write(b)
	}
}

// sendAbort sends an A-ABORT as the last PDU and starts ARTIM.
func (a *Association) sendAbort(p *pdu.Abort) {
	a.leave()
	a.link.closeBy(time.Now().Add(min(a.timeouts.ARTIM, abortLinger)))
	if b, err := p.AppendTo(nil); err == nil {
		a.link.last(b)
	}
}

// providerAbort is the A-ABORT for a PDU that should not have come; the caller
// may have chosen one.
func providerAbort(p pdu.PDU) *pdu.Abort {
	if abort, ok := p.(*pdu.Abort); ok && abort.Source == pdu.AbortByProvider {
		return abort
	}
	return &pdu.Abort{Source: pdu.AbortByProvider, Reason: pdu.AbortUnexpectedPDU}
}

func abortReceived(p pdu.PDU) error {
	if abort, ok := p.(*pdu.Abort); ok {
		return &AbortError{Source: abort.Source, Reason: abort.Reason}
	}
	return &AbortError{}
}
