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
	return encapsulation{class: uid.EncapsulatedPDF, mime: pdfKind, series: documentSeries, burnedIn: true}.object(id, a, s, nil)
}

// encapsulation is a class of encapsulated documents.
type encapsulation struct {
	class, mime string
	series      seriesKind
	// burnedIn tells that pages may show whose they are.
	burnedIn bool
}

// object makes an object of a document, which stands in it untouched. What the
// class wants beyond what all have is added by the caller.
func (e encapsulation) object(id Identity, a Attachment, s source, more func(*attributes)) (*Object, error) {
	if err := s.check(e.mime); err != nil {
		return nil, err
	}
	object, set := newObject(e.class, uid.ExplicitLE, e.series, id, a.origin(), s.digest)
	// Encapsulated Document Module (PS3.3 §C.24.2).
	contentDate(set, a.CreatedAt)
	set.text(tag.AcquisitionDateTime, "")
	set.text(tag.ConversionType, "WSD") // PS3.3 §C.8.6.1: a workstation's document
	set.text(tag.BurnedInAnnotation, map[bool]string{true: "YES", false: "NO"}[e.burnedIn])
	set.text(tag.MIMETypeOfEncapsulatedDocument, e.mime)
	set.number(tag.EncapsulatedDocumentLength, int(s.size))
	if more != nil {
		more(set)
	}
	set.otherwise(tag.DocumentTitle, cutText(titleOf(a), shortText))
	set.otherwise(tag.ConceptNameCodeSequence, "")
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
