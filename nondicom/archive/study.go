package archive

import (
	"io"

	"pacsbridge/nondicom"
)

// Study is a study with what goes into the archive.
type Study struct {
	UID        string
	Key        string // of the legacy record it was joined with
	Identity   nondicom.Identity
	Modalities string
	Department string

	Objects     []Object // all there are, also those of records and attachments
	Records     []Record
	Attachments []Attachment
}

// Object is an instance of the study, or what stands for a record or an
// attachment that became none: then SOPClass is empty.
type Object struct {
	UID, SeriesUID           string
	Kind                     string // instance, record or attachment
	SOPClass, TransferSyntax string
	Bytes                    int64
	SHA256                   string
}

// Record is a legacy record of the study.
type Record struct {
	nondicom.Record
	ObjectUID string
	Version   int // its place among the study's records, from 1
}

// Attachment is a file that belongs to the study.
type Attachment struct {
	nondicom.Attachment
	ObjectUID string
	Version   int    // its place among the study's attachments, from 1
	Kind      string // media type of the content
	Bytes     int64
	Digest    string // SHA-256 of the content, lower-case hexadecimal
	// Open opens the content, whole and checked. It may be called twice. Holds
	// does not need it.
	Open func() (io.ReadCloser, error)
}

// series are the series of the study, in the order of their first objects.
func (s *Study) series() []string {
	var all []string
	seen := map[string]bool{}
	for _, o := range s.Objects {
		if !seen[o.SeriesUID] {
			seen[o.SeriesUID] = true
			all = append(all, o.SeriesUID)
		}
	}
	return all
}
