package dimse

import (
	"fmt"

	"pacsbridge/dimse/dataset"
)

// Status is the status code of a DIMSE response (PS3.7 annex C, PS3.4).
type Status uint16

// Status codes by name. Several stand for a range; Class, Meaning and Retry
// know the ranges.
const (
	StatusSuccess               Status = 0x0000
	StatusNoSuchAttribute       Status = 0x0105
	StatusInvalidAttributeValue Status = 0x0106
	StatusProcessingFailure     Status = 0x0110
	StatusDuplicateInstance     Status = 0x0111
	StatusNoSuchInstance        Status = 0x0112
	StatusNoSuchEventType       Status = 0x0113
	StatusNoSuchArgument        Status = 0x0114
	StatusInvalidArgument       Status = 0x0115
	StatusAttributeOutOfRange   Status = 0x0116
	StatusInvalidInstance       Status = 0x0117
	StatusNoSuchClass           Status = 0x0118
	StatusClassInstanceConflict Status = 0x0119
	StatusMissingAttribute      Status = 0x0120
	StatusMissingAttributeValue Status = 0x0121
	StatusSOPClassNotSupported  Status = 0x0122
	StatusNoSuchAction          Status = 0x0123
	StatusNotAuthorized         Status = 0x0124
	StatusDuplicateInvocation   Status = 0x0210
	StatusUnrecognizedOperation Status = 0x0211
	StatusMistypedArgument      Status = 0x0212
	StatusResourceLimitation    Status = 0x0213
	StatusOutOfResources        Status = 0xA700
	StatusCannotCountMatches    Status = 0xA701
	StatusCannotPerformSubOps   Status = 0xA702
	StatusMoveDestination       Status = 0xA801
	StatusIdentifierMismatch    Status = 0xA900
	StatusCoercion              Status = 0xB000
	StatusElementsDiscarded     Status = 0xB006
	StatusDataSetMismatch       Status = 0xB007
	StatusCannotUnderstand      Status = 0xC000
	StatusCancelled             Status = 0xFE00
	StatusPending               Status = 0xFF00
	StatusPendingKeysIgnored    Status = 0xFF01
)

// StatusClass groups status codes by what they mean for the operation.
type StatusClass int

// The classes of PS3.7 annex C.
const (
	Success StatusClass = iota
	Pending
	Warning
	Cancelled
	Failure
)

var classNames = [...]string{"success", "pending", "warning", "cancelled", "failure"}

// String gives the name of the class in lower case.
func (c StatusClass) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return fmt.Sprintf("class %d", int(c))
	}
	return classNames[c]
}

// Service is the service a status belongs to: the same code may mean different
// things in two of them.
type Service string

// The DIMSE services.
const (
	ServiceEcho   Service = "C-ECHO"
	ServiceStore  Service = "C-STORE"
	ServiceFind   Service = "C-FIND"
	ServiceMove   Service = "C-MOVE"
	ServiceGet    Service = "C-GET"
	ServiceAction Service = "N-ACTION"
	ServiceEvent  Service = "N-EVENT-REPORT"
	// ServiceCommitment is the service of the reasons in a CommitResult.
	ServiceCommitment Service = "storage commitment"
)

// String gives the code as the standard writes it: A700H.
func (s Status) String() string { return fmt.Sprintf("%04XH", uint16(s)) }

// Class says what the status means for the operation. It depends on the code
// alone (PS3.7 annex C): codes that nobody has defined are failures.
func (s Status) Class() StatusClass {
	for _, row := range classes {
		if s&row.mask == row.code {
			return row.class
		}
	}
	return Failure
}

// Meaning gives the code and its name in the service.
func (s Status) Meaning(of Service) string {
	if row, ok := s.lookup(of); ok {
		return s.String() + " " + row.text
	}
	return s.String() + " " + s.Class().String()
}

// Retry says whether the same request may succeed later without anybody doing
// anything about it. It is decided here and nowhere else.
func (s Status) Retry(of Service) bool {
	row, ok := s.lookup(of)
	return ok && row.retry
}

func (s Status) lookup(of Service) (statusRow, bool) {
	for _, rows := range [][]statusRow{serviceStatus[of], generalStatus} {
		for _, row := range rows {
			if s&row.mask == row.code {
				return row, true
			}
		}
	}
	return statusRow{}, false
}

// StatusError is an answer of the peer that means failure; a handler returns
// one to answer with its code.
type StatusError struct {
	Service    Service
	Status     Status
	Comment    string
	Offending  []dataset.Tag
	FailedUIDs []string
}

func (e *StatusError) Error() string {
	text := "answered " + e.Status.Meaning(e.Service)
	if e.Service != "" {
		text = string(e.Service) + " " + text
	}
	if e.Comment != "" {
		text += fmt.Sprintf(": %.*q", maxCommentLength, e.Comment)
	}
	return text
}

// Temporary says whether the same request may succeed later.
func (e *StatusError) Temporary() bool { return e.Status.Retry(e.Service) }
