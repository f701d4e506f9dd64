package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// Dialer requests associations. Its fields must not change while it is in use.
type Dialer struct {
	Address   string // host:port
	CallingAE string
	CalledAE  string
	TLS       *tls.Config // nil: plain TCP
	MaxPDU    uint32      // longest P-DATA-TF we ask for; 0: 128 KiB
	// AsyncWindow is the number of operations we ask to have open at once
	// (PS3.7 §D.3.3.3); 0 or 1: one at a time.
	AsyncWindow uint16
	Identity    *pdu.UserIdentity // nil: none is told
	Events      EventHandler      // takes event reports on the association; nil: they are refused
	Timeouts    Timeouts
	Logger      *slog.Logger
}

// Dial connects, negotiates the proposals and returns an association, which
// the caller releases or aborts. The errors to tell apart are *RejectError,
// *AbortError, *TimeoutError and *TransportError.
func (d *Dialer) Dial(ctx context.Context, proposals []Proposal) (*Association, error) {
	a, err := d.dial(ctx, proposals)
	if err != nil {
		return nil, fmt.Errorf("associate with %s at %s: %w", d.CalledAE, d.Address, err)
	}
	return a, nil
}

func (d *Dialer) dial(ctx context.Context, proposals []Proposal) (*Association, error) {
	request, err := d.request(proposals)
	if err != nil {
		return nil, err
	}
	timeouts := d.Timeouts.withDefaults()
	conn, err := d.connect(ctx, timeouts)
	if err != nil {
		return nil, err
	}
	a := newAssociation(Requestor, Sta1, conn, timeouts, orDiscard(d.Logger))
	a.calling, a.called = request.CallingAE, request.CalledAE
	if d.Events != nil {
		a.handlers = &Handlers{Event: d.Events}
	}
	a.fire(EvtAssociateRequest) // AE-1: the connection stands already
	a.fire(EvtConnected)        // AE-2
	stop := context.AfterFunc(ctx, func() {
		a.fail(context.Cause(ctx))
		_ = conn.Close()
	})
	err = a.associate(request)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		a.fail(err)
		_ = conn.Close()
		return nil, a.cause()
	}
	go a.run()
	return a, nil
}

// connect opens the connection and, where asked for, TLS on it.
func (d *Dialer) connect(ctx context.Context, timeouts Timeouts) (net.Conn, error) {
	limited, stop := context.WithTimeoutCause(ctx, timeouts.Connect, &TimeoutError{Waiting: "a connection"})
	defer stop()
	var dialer net.Dialer // TCP_NODELAY is Go's default
	tcp, err := dialer.DialContext(limited, "tcp", d.Address)
	if err != nil {
		return nil, connectError(limited, "connect", err)
	}
	conn := quickAck(tcp)
	if d.TLS == nil {
		return conn, nil
	}
	secure := tls.Client(conn, d.tlsConfig())
	if err := secure.HandshakeContext(limited); err != nil {
		_ = conn.Close()
		return nil, connectError(limited, "TLS handshake", err)
	}
	return secure, nil
}

// tlsConfig fills in the server name from the address.
func (d *Dialer) tlsConfig() *tls.Config {
	config := d.TLS.Clone()
	if host, _, err := net.SplitHostPort(d.Address); err == nil && config.ServerName == "" {
		config.ServerName = host
	}
	return config
}

// connectError prefers the reason of the context: a time-out of ours, or the
// caller's end.
func connectError(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return transportError(doing, err)
}

// request builds the A-ASSOCIATE-RQ.
func (d *Dialer) request(proposals []Proposal) (*pdu.AssociateRQ, error) {
	calling, err := checkTitle("calling", d.CallingAE)
	if err != nil {
		return nil, err
	}
	called, err := checkTitle("called", d.CalledAE)
	if err != nil {
		return nil, err
	}
	if len(proposals) == 0 || len(proposals) > pdu.MaxContexts {
		return nil, fmt.Errorf("%d presentation contexts to propose: there must be 1 to %d", len(proposals), pdu.MaxContexts)
	}
	request := &pdu.AssociateRQ{
		Version: pdu.ProtocolVersion, CalledAE: called, CallingAE: calling,
		ApplicationContext: pdu.ApplicationContext,
		User:               ourUserInformation(d.MaxPDU),
	}
	request.User.Identity = d.Identity
	if d.AsyncWindow > 1 {
		request.User.AsyncWindow = &pdu.AsyncWindow{Invoked: d.AsyncWindow, Performed: 1}
	}
	for i, p := range proposals {
		if p.SOPClass == "" || len(p.TransferSyntaxes) == 0 {
			return nil, fmt.Errorf("proposal %d lacks a SOP class or transfer syntaxes", i)
		}
		request.Contexts = append(request.Contexts, pdu.ProposedContext{
			ID: byte(2*i + 1), AbstractSyntax: p.SOPClass, TransferSyntaxes: p.TransferSyntaxes,
		})
		propose(&request.User, p)
	}
	return request, nil
}

// ourUserInformation is what both sides tell of themselves.
func ourUserInformation(maxPDU uint32) pdu.UserInformation {
	if maxPDU == 0 {
		maxPDU = pdu.DefaultMaxLength
	}
	return pdu.UserInformation{
		MaxLength:             &maxPDU,
		ImplementationUID:     uid.Implementation,
		ImplementationVersion: uid.ImplementationVersion,
	}
}

// associate sends the request and takes the answer.
func (a *Association) associate(request *pdu.AssociateRQ) error {
	b, err := request.AppendTo(nil)
	if err != nil {
		return err
	}
	if _, err := a.link.Write(b); err != nil {
		return transportError("send A-ASSOCIATE-RQ", err)
	}
	a.link.expect(a.timeouts.ARTIM)
	p, err := pdu.ReadControl(a.link)
	a.link.expect(0)
	switch {
	case errors.Is(err, pdu.ErrMalformed):
		a.breach(protocolErrorf("%v", err))
		return a.cause()
	case isTimeout(err):
		return &TimeoutError{Waiting: "the answer to an association request"}
	case err != nil:
		a.end(transportError("read the answer to an association request", err))
		a.perform(a.fire(EvtClosed), nil)
		return a.cause()
	}
	return a.associateAnswer(request, p)
}

// associateAnswer lets the state machine take the PDU that answers a request.
func (a *Association) associateAnswer(request *pdu.AssociateRQ, p pdu.PDU) error {
	switch answer := p.(type) {
	case *pdu.AssociateAC:
		a.fire(EvtAssociateAC) // AE-3
		return a.accepted(request, answer)
	case *pdu.AssociateRJ:
		a.end(&RejectError{Result: answer.Result, Source: answer.Source, Reason: answer.Reason})
		a.perform(a.fire(EvtAssociateRJ), p) // AE-4
	case *pdu.Abort:
		a.perform(a.fire(EvtAbort), p) // AA-3
	default:
		a.breach(protocolErrorf("answer to an association request is neither A-ASSOCIATE-AC nor -RJ"))
	}
	return a.cause()
}

// accepted notes what the peer agreed to.
func (a *Association) accepted(request *pdu.AssociateRQ, answer *pdu.AssociateAC) error {
	for _, c := range answer.Contexts {
		i := int(c.ID) / 2
		if c.Result != pdu.Acceptance || c.ID%2 == 0 || i >= len(request.Contexts) {
			continue
		}
		if _, twice := a.contextByID(c.ID); twice {
			return protocolErrorf("presentation context %d answered twice", c.ID)
		}
		a.contexts = append(a.contexts, Context{
			ID: c.ID, SOPClass: request.Contexts[i].AbstractSyntax, TransferSyntax: c.TransferSyntax,
		})
	}
	a.roles = answer.User.Roles
	window := uint16(1)
	if granted := answer.User.AsyncWindow; granted != nil && request.User.AsyncWindow != nil {
		window = request.User.AsyncWindow.Invoked
		if granted.Invoked != 0 {
			window = min(window, granted.Invoked)
		}
	}
	return a.negotiated(&answer.User, window)
}
