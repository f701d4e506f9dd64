package pdu

// Data is a P-DATA-TF PDU held as a whole (PS3.8 §9.3.5): for scripted
// conversations and tests. On the way of a data set Reader and Writer stand in
// its place.
type Data struct {
	Values []Value
}

// Value is a presentation data value: a fragment of a command set or of a data
// set (PS3.8 §9.3.5.1 and annex E.2).
type Value struct {
	ContextID byte
	Command   bool
	Last      bool
	Fragment  []byte
}

// valueHeaderLength is the room a PDV needs beside its fragment: four bytes of
// length, the context ID, the message control header.
const valueHeaderLength = 6

// Bits of the message control header (PS3.8 annex E.2).
const (
	controlCommand = 0x01
	controlLast    = 0x02
)

// control builds the message control header.
func control(command, last bool) (b byte) {
	if command {
		b |= controlCommand
	}
	if last {
		b |= controlLast
	}
	return b
}

// AppendTo appends the PDU with its header.
func (p *Data) AppendTo(dst []byte) ([]byte, error) {
	return appendPDU(dst, TypeData, func(e *encoder) {
		for _, v := range p.Values {
			e.uint32(uint32(len(v.Fragment) + 2))
			e.byte(v.ContextID, control(v.Command, v.Last))
			e.byte(v.Fragment...)
		}
	})
}

func (p *Data) decode(d *decoder) {
	for d.more() {
		if len(p.Values) == maxValues {
			d.fail("more than %d values", maxValues)
			return
		}
		length := d.uint32()
		if length < 2 || length > MaxControlLength {
			d.fail("%w: value of %d bytes", errShort, length)
			return
		}
		id, header := d.byte(), d.byte()
		p.Values = append(p.Values, Value{
			ContextID: id,
			Command:   header&controlCommand != 0,
			Last:      header&controlLast != 0,
			Fragment:  clone(d.bytes(int(length) - 2)),
		})
	}
}
