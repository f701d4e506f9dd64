package dimse

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/grailbio/go-dicom/dicomio"
	"github.com/grailbio/go-dicom/dicomtag"

	"pacsbridge/dimse/dataset"
)

// CommandField says which message a command set opens (PS3.7 §E.1).
type CommandField uint16

// The messages this package knows. A response is its request with the high bit
// set.
const (
	CStoreRQ       CommandField = 0x0001
	CStoreRSP      CommandField = 0x8001
	CGetRQ         CommandField = 0x0010
	CGetRSP        CommandField = 0x8010
	CFindRQ        CommandField = 0x0020
	CFindRSP       CommandField = 0x8020
	CMoveRQ        CommandField = 0x0021
	CMoveRSP       CommandField = 0x8021
	CEchoRQ        CommandField = 0x0030
	CEchoRSP       CommandField = 0x8030
	NEventReportRQ CommandField = 0x0100
	NEventReport   CommandField = 0x8100
	NActionRQ      CommandField = 0x0130
	NActionRSP     CommandField = 0x8130
	CCancelRQ      CommandField = 0x0FFF

	responseBit = 0x8000
)

// IsResponse tells answers from requests.
func (f CommandField) IsResponse() bool { return f&responseBit != 0 }

// hasPriority says whether the message carries a priority.
func (f CommandField) hasPriority() bool {
	return f == CStoreRQ || f == CFindRQ || f == CMoveRQ || f == CGetRQ
}

// Values of Command Data Set Type (PS3.7 §E.1): anything but 0101H announces a
// data set.
const (
	dataSetAbsent  = 0x0101
	dataSetPresent = 0x0001
)

// Limits of command sets.
const (
	maxCommandLength = 64 << 10
	maxOffending     = 256
	maxElements      = 256 // the standard knows about thirty
)

// Command is a command set (PS3.7 §6.3): implicit VR little endian, group 0000.
// Elements that are not among its fields are not kept.
type Command struct {
	Field             CommandField
	MessageID         uint16 // of requests
	RespondedTo       uint16 // of responses and C-CANCEL
	AffectedClass     string
	RequestedClass    string
	AffectedInstance  string
	RequestedInstance string
	HasData           bool
	Priority          Priority
	Status            Status
	Offending         []dataset.Tag
	Comment           string
	EventType         uint16 // of N-EVENT-REPORT
	ActionType        uint16 // of N-ACTION
	MoveDestination   string
	MoveOriginatorAE  string
	MoveOriginatorID  uint16
	SubOperations     *SubOperations // nil: no counts at all
}

// AppendTo appends the command set with its group length.
func (c *Command) AppendTo(dst []byte) ([]byte, error) {
	e := commandEncoder{dicomio.NewBytesEncoder(binary.LittleEndian, dicomio.ImplicitVR)}
	e.uid(dicomtag.AffectedSOPClassUID, c.AffectedClass)
	e.uid(dicomtag.RequestedSOPClassUID, c.RequestedClass)
	e.uint16(dicomtag.CommandField, uint16(c.Field))
	if c.Field.IsResponse() || c.Field == CCancelRQ {
		e.uint16(dicomtag.MessageIDBeingRespondedTo, c.RespondedTo)
	} else {
		e.uint16(dicomtag.MessageID, c.MessageID)
	}
	e.text(dicomtag.MoveDestination, c.MoveDestination)
	if c.Field.hasPriority() {
		e.uint16(dicomtag.Priority, uint16(c.Priority))
	}
	if c.HasData {
		e.uint16(dicomtag.CommandDataSetType, dataSetPresent)
	} else {
		e.uint16(dicomtag.CommandDataSetType, dataSetAbsent)
	}
	if c.Field.IsResponse() {
		e.uint16(dicomtag.Status, uint16(c.Status))
		e.tags(dicomtag.OffendingElement, c.Offending)
		e.text(dicomtag.ErrorComment, c.Comment)
	}
	e.uid(dicomtag.AffectedSOPInstanceUID, c.AffectedInstance)
	e.uid(dicomtag.RequestedSOPInstanceUID, c.RequestedInstance)
	e.particulars(c)
	if err := e.Error(); err != nil {
		return dst, fmt.Errorf("encode command set: %w", err)
	}
	return appendGroup(dst, e.Bytes()), nil
}

// appendGroup puts the group length, which counts what follows it, in front.
func appendGroup(dst, elements []byte) []byte {
	dst = append(dst, 0, 0, 0, 0, 4, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(elements)))
	return append(dst, elements...)
}

// commandEncoder writes elements of group 0000.
type commandEncoder struct{ *dicomio.Encoder }

// particulars writes the elements that only some messages have.
func (e commandEncoder) particulars(c *Command) {
	switch c.Field {
	case NEventReportRQ, NEventReport:
		e.uint16(dicomtag.EventTypeID, c.EventType)
	case NActionRQ, NActionRSP:
		e.uint16(dicomtag.ActionTypeID, c.ActionType)
	}
	if n := c.SubOperations; n != nil {
		e.count(dicomtag.NumberOfRemainingSuboperations, n.Remaining)
		e.count(dicomtag.NumberOfCompletedSuboperations, n.Completed)
		e.count(dicomtag.NumberOfFailedSuboperations, n.Failed)
		e.count(dicomtag.NumberOfWarningSuboperations, n.Warning)
	}
	if c.MoveOriginatorAE != "" {
		e.text(dicomtag.MoveOriginatorApplicationEntityTitle, c.MoveOriginatorAE)
		e.uint16(dicomtag.MoveOriginatorMessageID, c.MoveOriginatorID)
	}
}

func (e commandEncoder) header(tag dicomtag.Tag, length int) {
	e.WriteUInt16(tag.Group)
	e.WriteUInt16(tag.Element)
	e.WriteUInt32(uint32(length))
}

func (e commandEncoder) uint16(tag dicomtag.Tag, v uint16) {
	e.header(tag, 2)
	e.WriteUInt16(v)
}

// count writes a number of sub-operations; -1 is absent.
func (e commandEncoder) count(tag dicomtag.Tag, n int) {
	if n >= 0 {
		e.uint16(tag, uint16(min(n, 0xFFFF)))
	}
}

func (e commandEncoder) uid(tag dicomtag.Tag, s string) { e.padded(tag, s, "\x00") }

func (e commandEncoder) text(tag dicomtag.Tag, s string) { e.padded(tag, s, " ") }

func (e commandEncoder) padded(tag dicomtag.Tag, s, padding string) {
	if s == "" {
		return
	}
	if len(s)%2 == 1 {
		s += padding
	}
	e.header(tag, len(s))
	e.WriteString(s)
}

func (e commandEncoder) tags(tag dicomtag.Tag, tags []dataset.Tag) {
	if len(tags) == 0 {
		return
	}
	e.header(tag, 4*len(tags))
	for _, t := range tags {
		e.WriteUInt16(uint16(t >> 16))
		e.WriteUInt16(uint16(t))
	}
}

// DecodeCommand reads a command set. Elements it does not know are passed over;
// a known one of the wrong length, or a set that lacks what its message cannot
// do without, is a *ProtocolError.
func DecodeCommand(b []byte) (*Command, error) {
	d := commandDecoder{Decoder: dicomio.NewBytesDecoder(b, binary.LittleEndian, dicomio.ImplicitVR)}
	d.PushLimit(int64(len(b)))
	c := new(Command)
	for n := 0; !d.EOF(); n++ {
		if n == maxElements {
			return nil, protocolErrorf("command set of more than %d elements", maxElements)
		}
		group, element, length := d.ReadUInt16(), d.ReadUInt16(), d.ReadUInt32()
		if d.Error() != nil {
			break
		}
		value := d.ReadBytes(int(length))
		if d.Error() == nil && group == 0 {
			d.element(c, dicomtag.Tag{Group: group, Element: element}, value)
		}
	}
	if err := d.Error(); err != nil {
		return nil, protocolErrorf("command set: %v", err)
	}
	if d.why != "" {
		return nil, protocolErrorf("command set: %s", d.why)
	}
	return c, d.complete(c)
}

// commandDecoder notes the first complaint and which elements were there.
type commandDecoder struct {
	*dicomio.Decoder
	why                     string
	field, id, to, dataType bool
}

// element puts one value where it belongs.
func (d *commandDecoder) element(c *Command, tag dicomtag.Tag, v []byte) {
	switch tag {
	case dicomtag.CommandField:
		c.Field, d.field = CommandField(d.uint16(tag, v)), true
	case dicomtag.MessageID:
		c.MessageID, d.id = d.uint16(tag, v), true
	case dicomtag.MessageIDBeingRespondedTo:
		c.RespondedTo, d.to = d.uint16(tag, v), true
	case dicomtag.CommandDataSetType:
		c.HasData, d.dataType = d.uint16(tag, v) != dataSetAbsent, true
	case dicomtag.AffectedSOPClassUID:
		c.AffectedClass = trimValue(v)
	case dicomtag.RequestedSOPClassUID:
		c.RequestedClass = trimValue(v)
	case dicomtag.AffectedSOPInstanceUID:
		c.AffectedInstance = trimValue(v)
	case dicomtag.RequestedSOPInstanceUID:
		c.RequestedInstance = trimValue(v)
	case dicomtag.Priority:
		c.Priority = Priority(d.optional(tag, v))
	case dicomtag.Status:
		c.Status = Status(d.uint16(tag, v))
	case dicomtag.OffendingElement:
		c.Offending = decodeTags(v)
	case dicomtag.ErrorComment:
		c.Comment = trimValue(v)
	case dicomtag.EventTypeID:
		c.EventType = d.optional(tag, v)
	case dicomtag.ActionTypeID:
		c.ActionType = d.optional(tag, v)
	case dicomtag.MoveDestination:
		c.MoveDestination = strings.TrimSpace(trimValue(v))
	case dicomtag.MoveOriginatorApplicationEntityTitle:
		c.MoveOriginatorAE = strings.TrimSpace(trimValue(v))
	case dicomtag.MoveOriginatorMessageID:
		c.MoveOriginatorID = d.optional(tag, v)
	default:
		d.counts(c, tag, v)
	}
}

// counts reads the numbers of sub-operations; an empty one is absent.
func (d *commandDecoder) counts(c *Command, tag dicomtag.Tag, v []byte) {
	if tag.Element < dicomtag.NumberOfRemainingSuboperations.Element ||
		tag.Element > dicomtag.NumberOfWarningSuboperations.Element || len(v) == 0 {
		return
	}
	if c.SubOperations == nil {
		unknown := unknownSubOperations
		c.SubOperations = &unknown
	}
	n := int(d.uint16(tag, v))
	switch tag {
	case dicomtag.NumberOfRemainingSuboperations:
		c.SubOperations.Remaining = n
	case dicomtag.NumberOfCompletedSuboperations:
		c.SubOperations.Completed = n
	case dicomtag.NumberOfFailedSuboperations:
		c.SubOperations.Failed = n
	case dicomtag.NumberOfWarningSuboperations:
		c.SubOperations.Warning = n
	}
}

func (d *commandDecoder) uint16(tag dicomtag.Tag, v []byte) uint16 {
	if len(v) != 2 {
		if d.why == "" {
			d.why = fmt.Sprintf("%s has %d bytes in place of 2", tag.String(), len(v))
		}
		return 0
	}
	return binary.LittleEndian.Uint16(v)
}

// optional is uint16 for elements some peers send empty.
func (d *commandDecoder) optional(tag dicomtag.Tag, v []byte) uint16 {
	if len(v) == 0 {
		return 0
	}
	return d.uint16(tag, v)
}

// complete checks that the elements every message needs were there. The data
// set type is one of them by the standard; without it there is no data set.
func (d *commandDecoder) complete(c *Command) error {
	switch {
	case !d.field:
		return protocolErrorf("command set without a command field")
	case c.Field.IsResponse() || c.Field == CCancelRQ:
		if !d.to {
			return protocolErrorf("command set %04XH without the message it responds to", uint16(c.Field))
		}
	case !d.id:
		return protocolErrorf("command set %04XH without a message ID", uint16(c.Field))
	}
	return nil
}

func decodeTags(v []byte) []dataset.Tag {
	var tags []dataset.Tag
	for len(v) >= 4 && len(tags) < maxOffending {
		tags = append(tags, dataset.Tag(uint32(binary.LittleEndian.Uint16(v))<<16|uint32(binary.LittleEndian.Uint16(v[2:]))))
		v = v[4:]
	}
	return tags
}

// trimValue takes the padding off a text.
func trimValue(v []byte) string { return strings.TrimRight(string(v), "\x00 ") }
