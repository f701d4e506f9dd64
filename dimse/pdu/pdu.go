// Package pdu turns the seven protocol data units of the DICOM upper layer
// (PS3.8 §9.3) into bytes and back. It knows no connections, no states and no
// DIMSE: package dimse builds those on it.
//
//	A-ASSOCIATE-RQ  associate_rq.go   P-DATA-TF     data.go, reader.go, writer.go
//	A-ASSOCIATE-AC  associate_ac.go   A-RELEASE-RQ  release_rq.go
//	A-ASSOCIATE-RJ  associate_rj.go   A-RELEASE-RP  release_rp.go
//	                                  A-ABORT       abort.go
//
// Encoders append to a slice. Decoders check every length before they
// allocate, bound the number of everything that is counted, and return an
// error, never a panic, for any input. What they do not know they keep, and
// encode again. Decoding and encoding gives the same bytes but for this:
// reserved bytes outside the association header become zero, titles are
// trimmed and padded again, items come in the standard's order with the
// unknown ones last, and of an item that may stand only once the last counts.
//
// A data set is never held as a whole: Reader passes through the fragments of
// P-DATA-TF PDUs one after another, Writer fills PDUs of the peer's maximum
// length from an io.Reader.
package pdu

import (
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by every error that is the fault of the bytes, not of
// the connection they came over.
var ErrMalformed = errors.New("malformed PDU")

// Type is the first byte of a PDU.
type Type byte

// The PDU types of PS3.8 §9.3.
const (
	TypeAssociateRQ Type = 0x01
	TypeAssociateAC Type = 0x02
	TypeAssociateRJ Type = 0x03
	TypeData        Type = 0x04
	TypeReleaseRQ   Type = 0x05
	TypeReleaseRP   Type = 0x06
	TypeAbort       Type = 0x07
)

var typeNames = map[Type]string{
	TypeAssociateRQ: "A-ASSOCIATE-RQ", TypeAssociateAC: "A-ASSOCIATE-AC", TypeAssociateRJ: "A-ASSOCIATE-RJ",
	TypeData: "P-DATA-TF", TypeReleaseRQ: "A-RELEASE-RQ", TypeReleaseRP: "A-RELEASE-RP", TypeAbort: "A-ABORT",
}

// String gives the standard's name of the type.
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("PDU of type %02XH", byte(t))
}

// Limits of what is decoded. They are far above what peers send, and keep the
// memory an association request may ask for in proportion to its length.
const (
	HeaderLength     = 6       // type, reserved, length
	MaxControlLength = 1 << 20 // body of any PDU but P-DATA-TF
	MaxContexts      = 128     // presentation contexts, PS3.8 §7.1.1.13
	maxSyntaxes      = 1024    // transfer syntaxes of all contexts together, and one more for
	bytesOfSyntax    = 16      // this many bytes of them: a real one has more
	maxUserItems     = 512     // user information sub-items of all kinds together
	maxUnknownItems  = 256     // items of unknown type
	maxValues        = 512     // PDVs of a P-DATA-TF decoded as a whole
)

// PDU is one of *AssociateRQ, *AssociateAC, *AssociateRJ, *Data, *ReleaseRQ,
// *ReleaseRP and *Abort.
type PDU interface {
	// AppendTo appends the PDU with its header.
	AppendTo(dst []byte) ([]byte, error)
	// decode reads the body, without the header.
	decode(d *decoder)
}

// Decode reads the body of a PDU, the bytes behind its six byte header.
func Decode(t Type, body []byte) (PDU, error) {
	p, err := newPDU(t)
	if err != nil {
		return nil, err
	}
	d := decoder{rest: body}
	p.decode(&d)
	if err := d.failure(t); err != nil {
		return nil, err
	}
	return p, nil
}

// failure is what Decode returns of a decoder that has done its work.
func (d *decoder) failure(t Type) error {
	if d.err != nil {
		return fmt.Errorf("decode %s: %w: %w", t, ErrMalformed, d.err)
	}
	return nil
}

func newPDU(t Type) (PDU, error) {
	switch t {
	case TypeAssociateRQ:
		return new(AssociateRQ), nil
	case TypeAssociateAC:
		return new(AssociateAC), nil
	case TypeAssociateRJ:
		return new(AssociateRJ), nil
	case TypeData:
		return new(Data), nil
	case TypeReleaseRQ:
		return new(ReleaseRQ), nil
	case TypeReleaseRP:
		return new(ReleaseRP), nil
	case TypeAbort:
		return new(Abort), nil
	default:
		return nil, fmt.Errorf("%w: %s", ErrMalformed, t)
	}
}

// Item is an item or sub-item of a type this package does not know, kept as it
// came.
type Item struct {
	Type byte
	Data []byte
}
