package dimse

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pacsbridge/dimse/pdu"
)

// Association is one association with a peer, opened by a Dialer or accepted by
// a Server. Its methods may be called by several goroutines; without an
// asynchronous operations window the operations then wait for one another.
//
// One goroutine reads all that the peer sends and gives answers to the
// operations that wait for them. Whatever cuts a message in two (a context that
// ends, a time-out, a data set that cannot be read to its end) aborts the
// association: it is not usable after that.
type Association struct {
	role     Role
	link     *link
	in       *pdu.Reader
	buffer   *bufio.Reader // what in reads from
	out      *pdu.Writer
	begin    beginning // of the message that is being read
	timeouts Timeouts
	log      *slog.Logger

	calling, called string
	peer            Peer
	contexts        []Context
	roles           []pdu.Role     // what the acceptor answered
	extended        []pdu.Extended // what the peer told
	handlers        *Handlers      // of an acceptor, or of a requestor that takes events; else nil
	vacate          func()         // gives up the place among a server's associations; nil: it has none

	ctx     context.Context // ends with the association; what handlers get
	cancel  context.CancelCauseFunc
	broken  chan struct{} // closed when the association can carry nothing more
	done    chan struct{} // closed when the reading goroutine has ended
	tasks   sync.WaitGroup
	failed  atomic.Bool // broken is closed; cheaper to ask
	sending sync.Mutex  // messages go out one after another, never mixed
	window  chan struct{}
	granted int    // operations we let the peer have open at once
	command []byte // command set being read
	encoded []byte // command set being sent; its memory is used again

	mu         sync.Mutex
	state      State
	err        error // why it is broken
	released   bool
	lastID     uint16
	invoked    map[uint16]*invocation
	performing map[uint16]*performance // by message ID, until the last answer is sent
	running    int                     // performances whose goroutines have not ended
	receiver   StoreHandler            // takes the instances of a C-GET under way
	stored     time.Time               // when it took the last one
	heard      time.Time               // when the last answer came
	handling   bool                    // a request is being served in the reading goroutine
	draining   bool                    // no further requests are to be served
}

// Peer is what the other side told about itself.
type Peer struct {
	Addr                  net.Addr
	ImplementationUID     string
	ImplementationVersion string
	MaxPDU                uint32 // longest P-DATA-TF it takes; 0: any
	AsyncWindow           int    // operations it lets us have open at once; at least 1
	// IdentityAnswer is the response to the user identity we told (PS3.7
	// §D.3.3.7.2); nil: there was none.
	IdentityAnswer []byte
}

// newAssociation makes an association over a connection that was just opened.
func newAssociation(role Role, state State, conn net.Conn, timeouts Timeouts, log *slog.Logger) *Association {
	a := &Association{
		role: role, state: state, timeouts: timeouts, log: log,
		link:       newLink(conn, timeouts.Response),
		broken:     make(chan struct{}),
		done:       make(chan struct{}),
		invoked:    make(map[uint16]*invocation),
		performing: make(map[uint16]*performance),
	}
	a.begin.link = a.link
	a.peer.Addr = conn.RemoteAddr()
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	return a
}

// readBufferLength is where larger buffers are hardly faster. Associations that
// wait for a message hold none.
const readBufferLength = 64 << 10

// readBuffers are shared between associations: each needs one while it lasts.
var readBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBufferLength) }}

// negotiated prepares the transfer of data: maxLength and window are what the
// peer told us.
func (a *Association) negotiated(user *pdu.UserInformation, window uint16) (err error) {
	a.peer.ImplementationUID = user.ImplementationUID
	a.peer.ImplementationVersion = user.ImplementationVersion
	a.peer.IdentityAnswer = user.IdentityAnswer
	a.extended = user.Extended
	a.peer.MaxPDU = defaultPeerMaximum
	if user.MaxLength != nil {
		a.peer.MaxPDU = *user.MaxLength
	}
	a.peer.AsyncWindow = max(1, int(window))
	a.window = make(chan struct{}, a.peer.AsyncWindow)
	if a.out, err = pdu.NewWriter(a.link, a.peer.MaxPDU); err != nil {
		return protocolErrorf("%v", err)
	}
	return nil
}

// defaultPeerMaximum is assumed of a peer that does not tell its maximum, which
// it must (PS3.8 §D.1).
const defaultPeerMaximum = 16 << 10

// CallingAE is the title of the requestor.
func (a *Association) CallingAE() string { return a.calling }

// CalledAE is the title of the acceptor.
func (a *Association) CalledAE() string { return a.called }

// Peer tells what the other side said of itself.
func (a *Association) Peer() Peer { return a.peer }

// Usable says whether a new operation may be begun. It becomes false as soon
// as the peer aborts, releases or closes the connection.
func (a *Association) Usable() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state == Sta6 && a.err == nil
}

// Done is closed when the association has ended and its connection is closed.
func (a *Association) Done() <-chan struct{} { return a.done }

// fire lets an event happen and returns what is to be done about it; "" when
// it cannot happen in the present state.
func (a *Association) fire(e Event) Action {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := next(a.state, e)
	if t.action == "" {
		return ""
	}
	a.state = t.next
	if t.action == AR8 && a.role == Acceptor {
		a.state = t.other
	}
	return t.action
}

func (a *Association) currentState() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// end notes why the association can carry nothing more; the first reason
// counts. Operations that wait learn it.
func (a *Association) end(err error) {
	a.mu.Lock()
	first := a.err == nil
	if first {
		a.err = err
	}
	a.mu.Unlock()
	if first {
		a.failed.Store(true)
		close(a.broken)
		a.cancel(err)
	}
}

// cause is why the association is not usable.
func (a *Association) cause() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	return ErrClosed
}

// leave gives up the association's place among those of its server. It comes
// before anything by which the peer sees that the association is over, so that
// one that comes back at once finds the place free. Operations under way keep
// the place until they have ended.
func (a *Association) leave() {
	a.mu.Lock()
	busy := a.handling || len(a.performing) > 0
	a.mu.Unlock()
	if !busy && a.vacate != nil {
		a.vacate()
	}
}

// fail aborts the association for a reason of our own side.
func (a *Association) fail(err error) {
	a.end(err)
	if action := a.fire(EvtAbortRequest); action != "" {
		a.perform(action, nil)
	}
}

// breach aborts it because the peer does what it must not.
func (a *Association) breach(err error) {
	a.end(err)
	a.perform(a.fire(EvtInvalid), &pdu.Abort{Source: pdu.AbortByProvider, Reason: pdu.AbortInvalidParameter})
}
