package nondicom

import (
	"encoding/binary"
	"io"

	"github.com/suyashkumar/dicom/pkg/tag"

	"pacsbridge/dimse/uid"
)

// EncapsulatePDF makes an Encapsulated PDF of a document (PS3.3 §A.45.1). The
// document is untouched; where its length is odd a zero byte follows it, and
// Encapsulated Document Length (0042,0015) tells where it ends.
func EncapsulatePDF(id Identity, a Attachment, content io.Reader, size int64, digest string) (*Object, error) {
	return encapsulatePDF(id, a, source{content, size, digest})
}

func encapsulatePDF(id Identity, a Attachment, s source) (*Object, error) {
	const kind = "application/pdf"
	if err := s.check(kind); err != nil {
		return nil, err
	}
	object, set := newObject(uid.EncapsulatedPDF, uid.ExplicitLE, documentSeries, id, a.Key, s.digest)
	// Encapsulated Document Module (PS3.3 §C.24.2).
	contentDate(set, a.CreatedAt)
	set.text(tag.AcquisitionDateTime, "")
	set.text(tag.ConversionType, "WSD") // PS3.3 §C.8.6.1: a workstation's document
	set.text(tag.BurnedInAnnotation, "YES")
	set.sequence(tag.ConceptNameCodeSequence)
	set.text(tag.DocumentTitle, cutText(titleOf(a), shortText))
	set.text(tag.MIMETypeOfEncapsulatedDocument, kind)
	set.number(tag.EncapsulatedDocumentLength, int(s.size))
	opening := longElement(tag.EncapsulatedDocument, "OB", uint32(s.size+s.size%2))
	return object.around(set, tag.EncapsulatedDocument, opening, s, nil)
}

// longElement is the beginning of an element whose length has 32 bits, explicit
// VR little endian (PS3.5 §7.1.2).
func longElement(t tag.Tag, vr string, length uint32) []byte {
	b := binary.LittleEndian.AppendUint16(nil, t.Group)
	b = binary.LittleEndian.AppendUint16(b, t.Element)
	b = append(b, vr...)
	b = append(b, 0, 0)
	return binary.LittleEndian.AppendUint32(b, length)
}
