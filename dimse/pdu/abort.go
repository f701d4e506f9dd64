package pdu

// Abort ends an association at once (PS3.8 §9.3.8).
type Abort struct {
	Source byte
	Reason byte // 0 unless Source is AbortByProvider
}

// Sources and reasons of an A-ABORT (PS3.8 table 9-26).
const (
	AbortByUser     byte = 0
	AbortByProvider byte = 2

	AbortNotSpecified          byte = 0
	AbortUnrecognizedPDU       byte = 1
	AbortUnexpectedPDU         byte = 2
	AbortUnrecognizedParameter byte = 4
	AbortUnexpectedParameter   byte = 5
	AbortInvalidParameter      byte = 6
)

// AppendTo appends the PDU with its header.
func (p *Abort) AppendTo(dst []byte) ([]byte, error) {
	return appendPDU(dst, TypeAbort, func(e *encoder) { e.byte(0, 0, p.Source, p.Reason) })
}

func (p *Abort) decode(d *decoder) {
	d.uint16()
	p.Source, p.Reason = d.byte(), d.byte()
}
