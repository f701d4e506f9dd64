package pdu

// ReleaseRQ asks for the end of an association (PS3.8 §9.3.6).
type ReleaseRQ struct{}

// AppendTo appends the PDU with its header.
func (p *ReleaseRQ) AppendTo(dst []byte) ([]byte, error) {
	return appendPDU(dst, TypeReleaseRQ, func(e *encoder) { e.uint32(0) })
}

func (p *ReleaseRQ) decode(d *decoder) { d.uint32() }
