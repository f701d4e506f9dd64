package dimse

import (
	"encoding/binary"
	"fmt"

	"github.com/grailbio/go-dicom/dicomtag"

	"pacsbridge/dimse/dataset"
)

// AppendTo appends the command set with its group length, which counts what
// follows it.
func (c *Command) AppendTo(dst []byte) ([]byte, error) {
	start := len(dst)
	e := commandEncoder{append(dst, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0)}
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
	length := len(e.b) - start - groupLengthLength
	if length > maxCommandLength {
		return dst, fmt.Errorf("encode command set: %d bytes are more than %d", length, maxCommandLength)
	}
	binary.LittleEndian.PutUint32(e.b[start+8:], uint32(length))
	return e.b, nil
}

// groupLengthLength is the length of the first element (PS3.7 §6.3.1).
const groupLengthLength = 12

// commandEncoder appends elements of group 0000.
type commandEncoder struct{ b []byte }

// particulars writes the elements that only some messages have.
func (e *commandEncoder) particulars(c *Command) {
	switch c.Field {
	case NEventReportRQ, NEventReportRSP:
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

func (e *commandEncoder) header(tag dicomtag.Tag, length int) {
	e.b = binary.LittleEndian.AppendUint16(e.b, tag.Group)
	e.b = binary.LittleEndian.AppendUint16(e.b, tag.Element)
	e.b = binary.LittleEndian.AppendUint32(e.b, uint32(length))
}

func (e *commandEncoder) uint16(tag dicomtag.Tag, v uint16) {
	e.header(tag, 2)
	e.b = binary.LittleEndian.AppendUint16(e.b, v)
}

// count writes a number of sub-operations; -1 is absent.
func (e *commandEncoder) count(tag dicomtag.Tag, n int) {
	if n >= 0 {
		e.uint16(tag, uint16(min(n, 0xFFFF)))
	}
}

func (e *commandEncoder) uid(tag dicomtag.Tag, s string) { e.padded(tag, s, 0) }

func (e *commandEncoder) text(tag dicomtag.Tag, s string) { e.padded(tag, s, ' ') }

func (e *commandEncoder) padded(tag dicomtag.Tag, s string, padding byte) {
	if s == "" {
		return
	}
	e.header(tag, len(s)+len(s)%2)
	e.b = append(e.b, s...)
	if len(s)%2 == 1 {
		e.b = append(e.b, padding)
	}
}

func (e *commandEncoder) tags(tag dicomtag.Tag, tags []dataset.Tag) {
	if len(tags) == 0 {
		return
	}
	e.header(tag, 4*len(tags))
	for _, t := range tags {
		e.b = binary.LittleEndian.AppendUint16(e.b, uint16(t>>16))
		e.b = binary.LittleEndian.AppendUint16(e.b, uint16(t))
	}
}
