package dimse

import "fmt"

// State is a state of the upper layer (PS3.8 §9.2.1).
type State int

// The states by the standard's names.
const (
	Sta1  State = 1 + iota // idle
	Sta2                   // transport connection open, awaiting A-ASSOCIATE-RQ
	Sta3                   // awaiting local A-ASSOCIATE response
	Sta4                   // awaiting transport connection opening
	Sta5                   // awaiting A-ASSOCIATE-AC or -RJ
	Sta6                   // association established, ready for data transfer
	Sta7                   // awaiting A-RELEASE-RP
	Sta8                   // awaiting local A-RELEASE response
	Sta9                   // release collision, requestor: awaiting local A-RELEASE response
	Sta10                  // release collision, acceptor: awaiting A-RELEASE-RP
	Sta11                  // release collision, requestor: awaiting A-RELEASE-RP
	Sta12                  // release collision, acceptor: awaiting local A-RELEASE response
	Sta13                  // awaiting the end of the transport connection

	states = int(Sta13)
)

// String gives the standard's name.
func (s State) String() string { return fmt.Sprintf("Sta%d", int(s)) }

// Event is what happens to the upper layer (PS3.8 §9.2.2, table 9-10).
type Event int

// The events in the standard's order.
const (
	EvtAssociateRequest Event = 1 + iota // local A-ASSOCIATE request
	EvtConnected                         // transport connection confirmed
	EvtAssociateAC                       // A-ASSOCIATE-AC received
	EvtAssociateRJ                       // A-ASSOCIATE-RJ received
	EvtAccepted                          // transport connection indicated
	EvtAssociateRQ                       // A-ASSOCIATE-RQ received
	EvtAccept                            // local A-ASSOCIATE response, accept
	EvtReject                            // local A-ASSOCIATE response, reject
	EvtDataRequest                       // local P-DATA request
	EvtData                              // P-DATA-TF received
	EvtReleaseRequest                    // local A-RELEASE request
	EvtReleaseRQ                         // A-RELEASE-RQ received
	EvtReleaseRP                         // A-RELEASE-RP received
	EvtReleaseResponse                   // local A-RELEASE response
	EvtAbortRequest                      // local A-ABORT request
	EvtAbort                             // A-ABORT received
	EvtClosed                            // transport connection closed
	EvtExpired                           // ARTIM timer expired
	EvtInvalid                           // unrecognized or invalid PDU received

	events = int(EvtInvalid)
)

// String gives the standard's number of the event.
func (e Event) String() string { return fmt.Sprintf("Evt%d", int(e)) }

// Action is what the upper layer does about an event (PS3.8 §9.2.3, tables 9-6
// to 9-9).
type Action string

// The actions by the standard's names. The empty Action stands for a cell of
// the table that is blank: the event cannot happen in that state.
const (
	AE1  Action = "AE-1"  // open the transport connection
	AE2  Action = "AE-2"  // send A-ASSOCIATE-RQ
	AE3  Action = "AE-3"  // tell the user: accepted
	AE4  Action = "AE-4"  // tell the user: rejected; close
	AE5  Action = "AE-5"  // start ARTIM
	AE6  Action = "AE-6"  // stop ARTIM; tell the user, or send A-ASSOCIATE-RJ and start ARTIM
	AE7  Action = "AE-7"  // send A-ASSOCIATE-AC
	AE8  Action = "AE-8"  // send A-ASSOCIATE-RJ, start ARTIM
	DT1  Action = "DT-1"  // send P-DATA-TF
	DT2  Action = "DT-2"  // give data to the user
	AR1  Action = "AR-1"  // send A-RELEASE-RQ
	AR2  Action = "AR-2"  // tell the user: release asked for
	AR3  Action = "AR-3"  // tell the user: released; close
	AR4  Action = "AR-4"  // send A-RELEASE-RP, start ARTIM
	AR5  Action = "AR-5"  // stop ARTIM
	AR6  Action = "AR-6"  // give data to the user
	AR7  Action = "AR-7"  // send P-DATA-TF
	AR8  Action = "AR-8"  // tell the user: release collision
	AR9  Action = "AR-9"  // send A-RELEASE-RP
	AR10 Action = "AR-10" // tell the user: released
	AA1  Action = "AA-1"  // send A-ABORT (user), start ARTIM
	AA2  Action = "AA-2"  // stop ARTIM, close
	AA3  Action = "AA-3"  // tell the user: aborted by the peer; close
	AA4  Action = "AA-4"  // tell the user: connection lost
	AA5  Action = "AA-5"  // stop ARTIM
	AA6  Action = "AA-6"  // ignore the PDU
	AA7  Action = "AA-7"  // send A-ABORT (provider)
	AA8  Action = "AA-8"  // send A-ABORT (provider), tell the user, start ARTIM
)

// Role says which side of the association we are; only a release collision
// asks for it.
type Role bool

// The two roles.
const (
	Requestor Role = true
	Acceptor  Role = false
)

// transition is a cell of the table: what to do, and the state after it. Where
// the standard gives two next states, other is the second one.
type transition struct {
	action Action
	next   State
	other  State
}

// next is the state machine: no clock, no connection, no memory. The zero
// transition answers an event that cannot happen in the state.
func next(s State, e Event) transition {
	if s < Sta1 || int(s) > states || e < 1 || int(e) > events {
		return transition{}
	}
	return table[e-1][s-1]
}
