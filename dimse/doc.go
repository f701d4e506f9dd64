// Package dimse speaks DICOM over TCP: associations (PS3.8) and the DIMSE
// services on them (PS3.7), as user and as provider. Data sets stream: what is
// stored is read from an io.Reader into P-DATA-TF PDUs, what is received is an
// io.Reader straight from the connection. Nothing is decoded on the way, and no
// data set is held as a whole, whatever its size.
//
// It is not a toolkit for DICOM objects or files: package dataset reads and
// makes small data sets, and knows the file format. It is not an archive: a
// Server has handlers for what it is asked.
//
// # Where the standard is
//
//	PS3.8 §9.3    PDUs                      package pdu
//	PS3.8 §9.2    states, events, actions   state.go, table.go, actions.go
//	PS3.8 §7      association service       dial.go, accept.go, release.go, receive.go
//	PS3.7 §6.3    command sets              command.go, command_encode.go, command_decode.go
//	PS3.7 §9.1.1  C-STORE                   store.go
//	PS3.7 §9.1.2  C-FIND                    find.go
//	PS3.7 §9.1.3  C-GET                     get.go
//	PS3.7 §9.1.4  C-MOVE                    move.go
//	PS3.7 §9.1.5  C-ECHO                    echo.go
//	PS3.7 §9.3.2  C-CANCEL                  invoke.go, serve.go
//	PS3.7 §10.1.4 N-ACTION                  action.go
//	PS3.7 §10.1.1 N-EVENT-REPORT            event.go
//	PS3.4 annex J storage commitment        commitment.go
//	PS3.7 annex C status codes              status.go, status_table.go
//	PS3.7 annex D negotiation               dial.go, accept.go, policy.go, negotiation.go
//	PS3.15 §B.9   secure transport          tls.go
//
// # The life of an association
//
// The state table of PS3.8 §9.2.3 is data; every PDU that arrives and every
// wish of the user is an event that it answers:
//
//	requestor   Sta1 ─► Sta4 ─► Sta5 ─► Sta6 ─► Sta7 ─► Sta1      (Sta9, Sta11: both release at once)
//	acceptor    Sta1 ─► Sta2 ─► Sta3 ─► Sta6 ─► Sta8 ─► Sta13 ─► Sta1   (Sta10, Sta12: likewise)
//	any abort   ─► Sta13, which waits for the end of the connection, ─► Sta1
//
// One goroutine an association reads; it hands each answer to the operation
// with its message ID. C-STORE is served in that goroutine, so that the data set
// comes straight from the connection; queries and retrievals get goroutines of
// their own, so that a C-CANCEL is heard. Where a peer was granted an asynchronous
// operations window, the second step of a StoreReceiver gets one too.
//
// # Against hostile peers
//
// What a peer sends is held in proportion to what has arrived, never to what a
// length announces. A peer that is silent, dribbles or does not read is cut by
// the time-outs, MaxAssociations and MaxPerPeer bound how many it may hold, of
// the places for connections without an association one host gets half at most,
// and what a peer does wrong is logged a few times and then counted. A panic, a
// handler's too, ends one association.
//
// # Errors
//
// Errors that callers tell apart are types: *RejectError, *AbortError,
// *TimeoutError, *TransportError, *ProtocolError, *NoContextError, *SourceError
// and *StatusError. All answer Temporary() bool: true means try again later,
// false means tell a person.
//
// # Speed
//
// A small message is one write. On Linux what is read is acknowledged at once,
// which takes away the 40 ms that a peer with Nagle's algorithm would lose at
// every message. Buffers are pooled; nothing is allocated per fragment.
package dimse
