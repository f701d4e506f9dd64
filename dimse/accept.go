package dimse

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"pacsbridge/dimse/pdu"
)

// AssociateRequest is what a peer proposes.
type AssociateRequest struct {
	CallingAE             string
	CalledAE              string
	RemoteAddr            net.Addr
	Proposals             []Proposal
	ImplementationUID     string
	ImplementationVersion string
	UserIdentity          *pdu.UserIdentity    // nil: none was told
	TLS                   *tls.ConnectionState // nil: plain TCP
}

// negotiate takes a new connection as far as an established association.
func (s *serving) negotiate(conn net.Conn) (*Association, bool) {
	secure, err := s.secure(quickAck(conn))
	if err != nil {
		s.bad.add("TLS handshake failed", conn.RemoteAddr(), "error", err)
		return nil, false
	}
	a := newAssociation(Acceptor, Sta1, secure, s.timeouts, s.log)
	a.link.base = conn
	a.vacate = func() { s.dismiss(a) }
	a.handlers = &s.Handlers
	a.fire(EvtAccepted) // AE-5
	a.link.expect(s.timeouts.ARTIM)
	request, ok := a.readRequest()
	if !ok || !s.answerRequest(a, request) {
		a.awaitClose()
		close(a.done)
		s.bad.add("association refused", conn.RemoteAddr(), "calling", a.calling, "called", a.called, "error", a.cause())
		return nil, false
	}
	return a, true
}

// secure does the TLS handshake, where there is one, within ARTIM.
func (s *serving) secure(conn net.Conn) (net.Conn, error) {
	if s.TLS == nil {
		return conn, nil
	}
	ctx, stop := context.WithTimeout(context.Background(), s.timeouts.ARTIM)
	defer stop()
	secure := tls.Server(conn, s.TLS)
	return secure, secure.HandshakeContext(ctx)
}

// readRequest waits for the A-ASSOCIATE-RQ in Sta2.
func (a *Association) readRequest() (*pdu.AssociateRQ, bool) {
	p, err := pdu.ReadControl(a.link)
	switch {
	case errors.Is(err, pdu.ErrMalformed):
		a.end(protocolErrorf("%v", err))
		a.perform(a.fire(EvtInvalid), nil) // AA-1
		return nil, false
	case isTimeout(err):
		a.end(&TimeoutError{Waiting: "an association request"})
		a.perform(a.fire(EvtExpired), nil) // AA-2
		return nil, false
	case err != nil:
		a.end(transportError("read an association request", err))
		a.perform(a.fire(EvtClosed), nil) // AA-5
		return nil, false
	}
	request, ok := p.(*pdu.AssociateRQ)
	if !ok {
		a.end(protocolErrorf("%T in place of an association request", p))
		a.perform(a.fire(eventOf(p)), p)
		return nil, false
	}
	a.calling, a.called = request.CallingAE, request.CalledAE
	return request, true
}

// answerRequest is AE-6 and what the local user says to it.
func (s *serving) answerRequest(a *Association, request *pdu.AssociateRQ) bool {
	if request.Version&pdu.ProtocolVersion == 0 {
		a.refuseProvider(RejectVersion)
		return false
	}
	a.fire(EvtAssociateRQ) // AE-6, acceptable to the provider: Sta3
	answer, reject := s.decide(a, request)
	if reject != nil {
		a.end(reject)
		a.fire(EvtReject) // AE-8
		a.sendReject(reject)
		return false
	}
	b, err := answer.AppendTo(nil)
	if err != nil {
		a.fail(err)
		return false
	}
	a.fire(EvtAccept) // AE-7
	if _, err := a.link.Write(b); err != nil {
		a.end(transportError("send A-ASSOCIATE-AC", err))
		a.perform(a.fire(EvtClosed), nil)
		return false
	}
	return true
}

// refuseProvider is the second way of AE-6: the request is not acceptable to
// the service provider.
func (a *Association) refuseProvider(reject *RejectError) {
	a.end(reject)
	a.mu.Lock()
	a.state = next(a.state, EvtAssociateRQ).other
	a.mu.Unlock()
	a.sendReject(reject)
}

func (a *Association) sendReject(r *RejectError) {
	a.link.closeBy(time.Now().Add(a.timeouts.ARTIM))
	a.sendControl(&pdu.AssociateRJ{Result: r.Result, Source: r.Source, Reason: r.Reason})
}

// decide builds the answer to a request, or says why there is none. On success
// the association counts among the open ones.
func (s *serving) decide(a *Association, request *pdu.AssociateRQ) (*pdu.AssociateAC, *RejectError) {
	switch {
	case request.ApplicationContext != pdu.ApplicationContext:
		return nil, RejectContext
	case !validTitle(request.CallingAE):
		return nil, RejectCallingAE
	case !validTitle(request.CalledAE) || s.AETitle != "" && request.CalledAE != s.AETitle:
		return nil, RejectCalledAE
	}
	proposals := proposalsOf(request)
	response, reject := s.admission(a.associateRequest(request, proposals))
	if reject != nil {
		return nil, reject
	}
	answer := &pdu.AssociateAC{
		Version: pdu.ProtocolVersion, CalledAE: request.CalledAE, CallingAE: request.CallingAE, Reserved: request.Reserved,
		ApplicationContext: pdu.ApplicationContext,
		User:               ourUserInformation(s.MaxPDU),
	}
	answer.User.IdentityAnswer = response
	s.answerContexts(a, request, proposals, answer)
	if asked := request.User.AsyncWindow; asked != nil {
		answer.User.AsyncWindow = s.grantWindow(asked)
		a.granted = int(answer.User.AsyncWindow.Invoked)
	}
	s.answerExtended(a, proposals, answer)
	if err := a.negotiated(&request.User, 1); err != nil {
		return nil, &RejectError{Result: 1, Source: 2, Reason: 1}
	}
	if !s.admit(a) {
		return nil, RejectOverloaded
	}
	return answer, nil
}

// admission asks the hooks. The response to a user identity goes out only where
// it is wanted and somebody has looked at the identity (PS3.7 §D.3.3.7.2):
// without Identify the server is one that does not support the negotiation.
func (s *serving) admission(r AssociateRequest) (response []byte, reject *RejectError) {
	if s.Admit != nil {
		if err := s.Admit(r); err != nil {
			return nil, rejectOf(err)
		}
	}
	if s.Identify == nil || r.UserIdentity == nil {
		return nil, nil
	}
	response, err := s.Identify(r)
	switch {
	case err != nil:
		return nil, rejectOf(err)
	case !r.UserIdentity.Answer:
		return nil, nil
	}
	return append([]byte{}, response...), nil
}

// grantWindow answers an asynchronous operations window (PS3.7 §D.3.3.3). We
// invoke one operation at a time ourselves.
func (s *serving) grantWindow(asked *pdu.AsyncWindow) *pdu.AsyncWindow {
	granted := cmp.Or(s.AsyncWindow, defaultAsyncWindow)
	if asked.Invoked != 0 {
		granted = min(granted, asked.Invoked)
	}
	return &pdu.AsyncWindow{Invoked: granted, Performed: 1}
}

func (a *Association) associateRequest(request *pdu.AssociateRQ, proposals []Proposal) AssociateRequest {
	r := AssociateRequest{
		CallingAE: request.CallingAE, CalledAE: request.CalledAE, RemoteAddr: a.peer.Addr, Proposals: proposals,
		ImplementationUID: request.User.ImplementationUID, ImplementationVersion: request.User.ImplementationVersion,
		UserIdentity: request.User.Identity,
	}
	if secure, ok := a.link.Conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		r.TLS = &state
	}
	return r
}

// rejectOf takes the reject out of what Admit returned.
func rejectOf(err error) *RejectError {
	var reject *RejectError
	if errors.As(err, &reject) {
		return reject
	}
	return RejectNoReason
}

// eventOf gives the event of a PDU that has been read as a whole.
func eventOf(p pdu.PDU) Event {
	switch p.(type) {
	case *pdu.AssociateAC:
		return EvtAssociateAC
	case *pdu.AssociateRJ:
		return EvtAssociateRJ
	case *pdu.Data:
		return EvtData
	case *pdu.ReleaseRQ:
		return EvtReleaseRQ
	case *pdu.ReleaseRP:
		return EvtReleaseRP
	case *pdu.Abort:
		return EvtAbort
	default:
		return EvtAssociateRQ
	}
}

// awaitClose waits in Sta13 until the peer closes the connection or ARTIM
// expires.
func (a *Association) awaitClose() {
	if a.currentState() == Sta13 {
		_, err := io.Copy(io.Discard, io.LimitReader(a.link, pdu.MaxControlLength))
		if isTimeout(err) {
			a.perform(a.fire(EvtExpired), nil)
		} else {
			a.perform(a.fire(EvtClosed), nil)
		}
	}
	_ = a.link.Close()
}
