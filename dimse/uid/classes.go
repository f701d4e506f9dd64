package uid

import (
	"strings"

	"github.com/grailbio/go-dicom/dicomuid"
)

// ApplicationContext is the DICOM application context, the only one there is (PS3.7 §A.2.1).
const ApplicationContext = "1.2.840.10008.3.1.1.1"

// Service classes: verification, query/retrieve, storage commitment (PS3.4 annexes A to J).
const (
	Verification          = "1.2.840.10008.1.1"
	StorageCommitment     = "1.2.840.10008.1.20.1"
	StorageCommitmentPush = "1.2.840.10008.1.20.1.1" // the well-known instance of StorageCommitment

	PatientRootFind  = "1.2.840.10008.5.1.4.1.2.1.1"
	PatientRootMove  = "1.2.840.10008.5.1.4.1.2.1.2"
	PatientRootGet   = "1.2.840.10008.5.1.4.1.2.1.3"
	StudyRootFind    = "1.2.840.10008.5.1.4.1.2.2.1"
	StudyRootMove    = "1.2.840.10008.5.1.4.1.2.2.2"
	StudyRootGet     = "1.2.840.10008.5.1.4.1.2.2.3"
	ModalityWorklist = "1.2.840.10008.5.1.4.31"
)

// Storage classes that the program makes or that its tests speak of (PS3.4 §B.5).
const (
	CRImageStorage          = "1.2.840.10008.5.1.4.1.1.1"
	CTImageStorage          = "1.2.840.10008.5.1.4.1.1.2"
	USMultiFrameStorage     = "1.2.840.10008.5.1.4.1.1.3.1"
	MRImageStorage          = "1.2.840.10008.5.1.4.1.1.4"
	USImageStorage          = "1.2.840.10008.5.1.4.1.1.6.1"
	SecondaryCapture        = "1.2.840.10008.5.1.4.1.1.7"
	VLPhotographic          = "1.2.840.10008.5.1.4.1.1.77.1.4"
	BasicTextSR             = "1.2.840.10008.5.1.4.1.1.88.11"
	EncapsulatedPDF         = "1.2.840.10008.5.1.4.1.1.104.1"
	MediaStorageDirectory   = "1.2.840.10008.1.3.10"
	storageClassPrefix      = "1.2.840.10008.5.1.4.1.1."
	nonStorageInThatSubtree = "1.2.840.10008.5.1.4.1.1.200." // protocols: storage and query models side by side
)

// Name returns the name that PS3.6 annex A gives to uid, or "" when it knows none.
func Name(uid string) string {
	if s, ok := syntaxes[uid]; ok && s.name != "" {
		return s.name
	}
	info, err := dicomuid.Lookup(uid)
	if err != nil {
		return ""
	}
	return info.Name
}

// IsStorage reports whether sopClass is a storage class of the standard (PS3.4 §B.5). A class of the storage subtree
// that is younger than the dictionary counts as one; a private class, of which nothing can be known, does not.
func IsStorage(sopClass string) bool {
	info, err := dicomuid.Lookup(sopClass)
	if err != nil || info.Name == "" {
		return strings.HasPrefix(sopClass, storageClassPrefix) && !strings.HasPrefix(sopClass, nonStorageInThatSubtree)
	}
	return info.Type == dicomuid.TypeSOPClass &&
		strings.Contains(info.Name, "Storage") && !strings.Contains(info.Name, "Storage Commitment")
}
