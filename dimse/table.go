package dimse

// Cells that fill most of the table.
var (
	none   = transition{}
	abort1 = transition{action: AA1, next: Sta13}
	abort2 = transition{action: AA2, next: Sta1}
	abort3 = transition{action: AA3, next: Sta1}
	abort4 = transition{action: AA4, next: Sta1}
	abort6 = transition{action: AA6, next: Sta13}
	abort7 = transition{action: AA7, next: Sta13}
	abort8 = transition{action: AA8, next: Sta13}
)

// to writes the other cells.
func to(a Action, next State, other ...State) transition {
	t := transition{action: a, next: next}
	if len(other) == 1 {
		t.other = other[0]
	}
	return t
}

// table is the state transition table of PS3.8 §9.2.3, table 9-10: a row an
// event, a column a state.
//
// AE-6 leads to Sta3 when the request is acceptable to the service provider,
// else to Sta13. AR-8 leads the requestor to Sta9, the acceptor to Sta10.
var table = [events][states]transition{
	// Sta1, Sta2, Sta3, Sta4, Sta5, Sta6, Sta7, Sta8, Sta9, Sta10, Sta11, Sta12, Sta13
	EvtAssociateRequest - 1: {to(AE1, Sta4), none, none, none, none, none, none, none, none, none, none, none, none},
	EvtConnected - 1:        {none, none, none, to(AE2, Sta5), none, none, none, none, none, none, none, none, none},
	EvtAssociateAC - 1:      {none, abort1, abort8, none, to(AE3, Sta6), abort8, abort8, abort8, abort8, abort8, abort8, abort8, abort6},
	EvtAssociateRJ - 1:      {none, abort1, abort8, none, to(AE4, Sta1), abort8, abort8, abort8, abort8, abort8, abort8, abort8, abort6},
	EvtAccepted - 1:         {to(AE5, Sta2), none, none, none, none, none, none, none, none, none, none, none, none},
	EvtAssociateRQ - 1:      {none, to(AE6, Sta3, Sta13), abort8, none, abort8, abort8, abort8, abort8, abort8, abort8, abort8, abort8, abort7},
	EvtAccept - 1:           {none, none, to(AE7, Sta6), none, none, none, none, none, none, none, none, none, none},
	EvtReject - 1:           {none, none, to(AE8, Sta13), none, none, none, none, none, none, none, none, none, none},
	EvtDataRequest - 1:      {none, none, none, none, none, to(DT1, Sta6), none, to(AR7, Sta8), none, none, none, none, none},
	EvtData - 1:             {none, abort1, abort8, none, abort8, to(DT2, Sta6), to(AR6, Sta7), abort8, abort8, abort8, abort8, abort8, abort6},
	EvtReleaseRequest - 1:   {none, none, none, none, none, to(AR1, Sta7), none, none, none, none, none, none, none},
	EvtReleaseRQ - 1:        {none, abort1, abort8, none, abort8, to(AR2, Sta8), to(AR8, Sta9, Sta10), abort8, abort8, abort8, abort8, abort8, abort6},
	EvtReleaseRP - 1:        {none, abort1, abort8, none, abort8, abort8, to(AR3, Sta1), abort8, abort8, to(AR10, Sta12), to(AR3, Sta1), abort8, abort6},
	EvtReleaseResponse - 1:  {none, none, none, none, none, none, none, to(AR4, Sta13), to(AR9, Sta11), none, none, to(AR4, Sta13), none},
	EvtAbortRequest - 1:     {none, none, abort1, abort2, abort1, abort1, abort1, abort1, abort1, abort1, abort1, abort1, none},
	EvtAbort - 1:            {none, abort2, abort3, none, abort3, abort3, abort3, abort3, abort3, abort3, abort3, abort3, abort2},
	EvtClosed - 1:           {none, to(AA5, Sta1), abort4, abort4, abort4, abort4, abort4, abort4, abort4, abort4, abort4, abort4, to(AR5, Sta1)},
	EvtExpired - 1:          {none, abort2, none, none, none, none, none, none, none, none, none, none, abort2},
	EvtInvalid - 1:          {none, abort1, abort8, none, abort8, abort8, abort8, abort8, abort8, abort8, abort8, abort8, abort7},
}
