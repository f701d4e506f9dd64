package pdu

// AssociateRJ refuses an association (PS3.8 §9.3.4). The meaning of its three
// numbers is in table 9-21.
type AssociateRJ struct {
	Result byte
	Source byte
	Reason byte
}

// AppendTo appends the PDU with its header.
func (p *AssociateRJ) AppendTo(dst []byte) ([]byte, error) {
	return appendPDU(dst, TypeAssociateRJ, func(e *encoder) { e.byte(0, p.Result, p.Source, p.Reason) })
}

func (p *AssociateRJ) decode(d *decoder) {
	d.byte()
	p.Result, p.Source, p.Reason = d.byte(), d.byte(), d.byte()
}
