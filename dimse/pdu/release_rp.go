package pdu

// ReleaseRP agrees to the end of an association (PS3.8 §9.3.7).
type ReleaseRP struct{}

// AppendTo appends the PDU with its header.
func (p *ReleaseRP) AppendTo(dst []byte) ([]byte, error) {
	return appendPDU(dst, TypeReleaseRP, func(e *encoder) { e.uint32(0) })
}

func (p *ReleaseRP) decode(d *decoder) { d.uint32() }
