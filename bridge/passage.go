package bridge

import (
	"encoding/json"

	"pacsbridge/staging"
)

// passage is the payload of an instance in the ledger: what is recorded of its way
// beside what every instance has.
type passage struct {
	From string `json:"from,omitempty"` // the AE title that sent it without being asked
	Sent *Sent  `json:"sent,omitempty"` // what NEW was sent, where that is not what was received
}

// passageOf is what the ledger records of an instance; of most there is nothing.
func passageOf(it *staging.Item) passage {
	var p passage
	_ = json.Unmarshal(it.Payload, &p) // nil, or written by record
	return p
}

// record keeps the passage with the instance.
func (p passage) record(it *staging.Item) {
	it.Payload, _ = json.Marshal(p) // strings always encode
}

// forwarded reports whether an instance came without being asked for and joined.
func forwarded(it *staging.Item) bool { return sentBy(*it) != "" }
