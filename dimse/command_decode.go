package dimse

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/grailbio/go-dicom/dicomio"
	"github.com/grailbio/go-dicom/dicomtag"

	"pacsbridge/dimse/dataset"
)

// DecodeCommand reads a command set. Elements it does not know are passed over;
// a known one of the wrong length, or a set that lacks what its message cannot
// do without, is a *ProtocolError.
func DecodeCommand(b []byte) (*Command, error) {
	in := commandReaders.Get().(*bufio.Reader)
	defer commandReaders.Put(in)
	in.Reset(bytes.NewReader(b))
	d := commandDecoder{Decoder: dicomio.NewDecoder(in, binary.LittleEndian, dicomio.ImplicitVR)}
	d.PushLimit(int64(len(b)))
	c := new(Command)
	for n := 0; !d.EOF(); n++ {
		if n == maxElements {
			return nil, protocolErrorf("command set of more than %d elements", maxElements)
		}
		tag, length := d.tagAndLength()
		if d.Error() != nil {
			break
		}
		value := d.ReadBytes(int(length))
		if d.Error() == nil && tag.Group == 0 {
			d.element(c, tag, value)
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

// commandReaders hold the buffers that a Decoder wants, so that it makes none.
var commandReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4096) }}

// commandDecoder notes the first complaint and which elements were there.
type commandDecoder struct {
	*dicomio.Decoder
	why                             string
	field, id, to, dataType, status bool
	header                          [8]byte
}

// tagAndLength reads what stands before a value.
func (d *commandDecoder) tagAndLength() (dicomtag.Tag, uint32) {
	if _, err := io.ReadFull(d, d.header[:]); err != nil {
		d.SetError(err)
	}
	h := d.header[:]
	tag := dicomtag.Tag{Group: binary.LittleEndian.Uint16(h), Element: binary.LittleEndian.Uint16(h[2:])}
	return tag, binary.LittleEndian.Uint32(h[4:])
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
		c.Status, d.status = Status(d.uint16(tag, v)), true
	case dicomtag.OffendingElement:
		c.Offending = decodeTags(v)
	case dicomtag.ErrorComment:
		c.Comment = trimValue(v)
	case dicomtag.EventTypeID:
		c.EventType = d.optional(tag, v)
	case dicomtag.ActionTypeID:
		c.ActionType = d.optional(tag, v)
	case dicomtag.MoveDestination:
		c.MoveDestination = trimAE(v)
	case dicomtag.MoveOriginatorApplicationEntityTitle:
		c.MoveOriginatorAE = trimAE(v)
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
		if c.Field.IsResponse() && !d.status {
			return protocolErrorf("response %04XH without a status", uint16(c.Field))
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

// trimAE takes off an AE title what cannot be part of it at either end.
func trimAE(v []byte) string {
	return strings.TrimFunc(string(v), func(r rune) bool { return r <= ' ' })
}
