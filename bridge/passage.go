package bridge

import (
	"cmp"
	"encoding/json"

	"pacsbridge/staging"
)

// passage is the payload of an instance in the ledger: what is recorded of its way
// beside what every instance has.
type passage struct {
	From string `json:"from,omitempty"` // the AE title that sent it without being asked
	Sent *Sent  `json:"sent,omitempty"` // what NEW was sent, where that is in another form than what was received or amended

	AmendedSHA256 string      `json:"amended_sha256,omitempty"` // of the data set as rules changed it
	Amended       []Amendment `json:"amended,omitempty"`
}

// passageOf is what the ledger records of an instance; of most there is nothing, and of
// what is no instance neither.
func passageOf(it *staging.Item) passage {
	var p passage
	if it.Kind == staging.Instance && len(it.Payload) > 0 {
		_ = json.Unmarshal(it.Payload, &p) // written by record
	}
	return p
}

// record keeps the passage with the instance.
func (p passage) record(it *staging.Item) {
	it.Payload, _ = json.Marshal(p) // strings always encode
}

// amendedDigest is the SHA-256 of a data set as it goes to NEW: as it came, or as rules changed it.
func amendedDigest(it *staging.Item) string {
	return cmp.Or(passageOf(it).AmendedSHA256, it.SHA256)
}

// forwarded reports whether an instance came without being asked for and joined.
func forwarded(it *staging.Item) bool { return sentBy(*it) != "" }

// sentBy is who sent an instance that nobody asked for.
func sentBy(it staging.Item) string { return passageOf(&it).From }
