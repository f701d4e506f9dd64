package nondicom

import (
	"errors"
	"io"
)

// Object is a DICOM object made here. Its data set is a stream that can be
// read once: the content it was made of is not held in memory.
type Object struct {
	SOPClass, SOPInstance string
	StudyUID, SeriesUID   string
	TransferSyntax        string
	Size                  int64 // of the data set, in bytes

	head, tail []byte
	content    io.Reader
	length     int64
}

// Reader returns the data set, without preamble and File Meta Information. It
// fails when the content is not as long as was said.
func (o *Object) Reader() io.Reader { return nil }

// WriteTo writes the data set. It implements io.WriterTo.
func (o *Object) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, o.Reader()) }

// UnsupportedError says that no DICOM object is made of this content.
type UnsupportedError struct {
	Kind string // what it is: a media type
	Why  string
}

// Error names the kind and the reason.
func (e *UnsupportedError) Error() string { return e.Kind + " content: " + e.Why }

// Temporary is false: the same content will not do later.
func (e *UnsupportedError) Temporary() bool { return false }

// ObjectOfAttachment makes the object that suits the content, found out from
// its first bytes and never from its name: a PDF or a photograph, or an
// *UnsupportedError. Size and digest are those of the content, which is
// whole and checked; it is read when the object is.
func ObjectOfAttachment(id Identity, a Attachment, content io.Reader, size int64, digest string) (*Object, error) {
	return nil, errors.New("not built yet")
}

// EncapsulatePDF makes an Encapsulated PDF of a document.
func EncapsulatePDF(id Identity, a Attachment, content io.Reader, size int64, digest string) (*Object, error) {
	return nil, errors.New("not built yet")
}

// PhotographOfJPEG makes a Secondary Capture of a photograph.
func PhotographOfJPEG(id Identity, a Attachment, content io.Reader, size int64, digest string) (*Object, error) {
	return nil, errors.New("not built yet")
}

// ReportOfRecord makes a Basic Text SR of a record.
func ReportOfRecord(id Identity, r Record) (*Object, error) {
	return nil, errors.New("not built yet")
}
