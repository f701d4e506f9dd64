package dataset

import "io"

// FileMeta is what the file format says about the data set behind it (PS3.10 §7.1).
type FileMeta struct {
	SOPClassUID, SOPInstanceUID, TransferSyntaxUID    string
	ImplementationClassUID, ImplementationVersionName string
	SourceAE                                          string
}

// ReadPart10 reads the header of a DICOM file; the reader it returns gives the data set's bytes exactly as they stand.
func ReadPart10(r io.Reader) (FileMeta, io.Reader, error) { panic("not yet") }

// WritePart10 writes a DICOM file: the header of m, then data.
func WritePart10(w io.Writer, m FileMeta, data io.Reader) (int64, error) { panic("not yet") }
