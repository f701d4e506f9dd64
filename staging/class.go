package staging

// Class is the kind of trouble that ended an attempt or a study; it decides
// whether trying again makes sense.
type Class string

// The error classes of the design.
const (
	PeerRefused       Class = "peer-refused"
	PeerBusy          Class = "peer-busy"
	Network           Class = "network"
	Incomplete        Class = "incomplete"
	TargetRefused     Class = "target-refused"
	Data              Class = "data"
	AttachmentMissing Class = "attachment-missing"
	Mismatch          Class = "mismatch"
	Timeout           Class = "timeout"
	Internal          Class = "internal"
)

// Classes lists every error class.
var Classes = []Class{
	PeerRefused, PeerBusy, Network, Incomplete, TargetRefused,
	Data, AttachmentMissing, Mismatch, Timeout, Internal,
}
