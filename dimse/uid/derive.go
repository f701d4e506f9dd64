package uid

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
)

// Implementation is the implementation class UID of this library (PS3.7 §D.3.3.2): Derive("pacsbridge", "implementation").
const Implementation = "2.25.209027971127905586244860677931308219720"

// ImplementationVersion is the implementation version name that goes with it, at most 16 characters.
const ImplementationVersion = "PACSBRIDGE_1"

// Derive makes a UID out of parts: the same parts in the same order always give the same UID, different ones never do.
// It is the decimal form of a UUID under the root 2.25 (PS3.5 §B.2, RFC 9562 version 8), taken from a SHA-256 digest of
// the parts, each preceded by its length.
func Derive(parts ...string) string {
	digest := sha256.New()
	for _, part := range parts {
		digest.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		digest.Write([]byte(part))
	}
	uuid := digest.Sum(nil)[:16]
	uuid[6] = uuid[6]&0x0F | 0x80 // version 8: made by a rule of one's own
	uuid[8] = uuid[8]&0x3F | 0x80 // variant of RFC 9562
	return "2.25." + new(big.Int).SetBytes(uuid).String()
}
