package dimse

import "pacsbridge/dimse/dataset"

// CommandField says which message a command set opens (PS3.7 §E.1).
type CommandField uint16

// The messages this package knows. A response is its request with the high bit
// set.
const (
	CStoreRQ        CommandField = 0x0001
	CStoreRSP       CommandField = 0x8001
	CGetRQ          CommandField = 0x0010
	CGetRSP         CommandField = 0x8010
	CFindRQ         CommandField = 0x0020
	CFindRSP        CommandField = 0x8020
	CMoveRQ         CommandField = 0x0021
	CMoveRSP        CommandField = 0x8021
	CEchoRQ         CommandField = 0x0030
	CEchoRSP        CommandField = 0x8030
	NEventReportRQ  CommandField = 0x0100
	NEventReportRSP CommandField = 0x8100
	NActionRQ       CommandField = 0x0130
	NActionRSP      CommandField = 0x8130
	CCancelRQ       CommandField = 0x0FFF

	responseBit = 0x8000
)

// IsResponse tells answers from requests.
func (f CommandField) IsResponse() bool { return f&responseBit != 0 }

// hasPriority says whether the message carries a priority.
func (f CommandField) hasPriority() bool {
	return f == CStoreRQ || f == CFindRQ || f == CMoveRQ || f == CGetRQ
}

// Values of Command Data Set Type (PS3.7 §E.1): anything but 0101H announces a
// data set.
const (
	dataSetAbsent  = 0x0101
	dataSetPresent = 0x0001
)

// Limits of command sets.
const (
	maxCommandLength = 64 << 10
	maxOffending     = 256
	maxElements      = 256 // the standard knows about thirty
)

// Command is a command set (PS3.7 §6.3): implicit VR little endian, group 0000.
// Elements that are not among its fields are not kept.
type Command struct {
	Field             CommandField
	MessageID         uint16 // of requests
	RespondedTo       uint16 // of responses and C-CANCEL
	AffectedClass     string
	RequestedClass    string
	AffectedInstance  string
	RequestedInstance string
	HasData           bool
	Priority          Priority
	Status            Status
	Offending         []dataset.Tag
	Comment           string
	EventType         uint16 // of N-EVENT-REPORT
	ActionType        uint16 // of N-ACTION
	MoveDestination   string
	MoveOriginatorAE  string
	MoveOriginatorID  uint16
	SubOperations     *SubOperations // nil: no counts at all
}
