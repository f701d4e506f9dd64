package nondicom

import (
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"

	"pacsbridge/dimse/dataset"
)

// Identity is whose study an object belongs to: the attributes of the Patient
// Module (PS3.3 §C.7.1.1) and of the General Study Module (PS3.3 §C.7.2.1), as
// text in Go's own UTF-8. Dates are 20260131, times 140500, as DICOM has them.
type Identity struct {
	PatientName, PatientID, Issuer       string
	PatientBirthDate, PatientSex         string
	StudyUID, StudyID, AccessionNumber   string
	StudyDate, StudyTime                 string
	StudyDescription, ReferringPhysician string
}

// IdentityOf is the identity that the header of an image gives. What is empty
// there stays empty: a study has one identity, the one its images have.
func IdentityOf(header *dataset.Dataset) Identity {
	return Identity{
		PatientName:        headerText(header, dataset.PatientName),
		PatientID:          headerText(header, dataset.PatientID),
		Issuer:             headerText(header, dataset.IssuerOfPatientID),
		PatientBirthDate:   headerDate(header, dataset.PatientBirthDate),
		PatientSex:         headerText(header, dataset.PatientSex),
		StudyUID:           header.String(dataset.StudyInstanceUID),
		StudyID:            headerText(header, dataset.StudyID),
		AccessionNumber:    headerText(header, dataset.AccessionNumber),
		StudyDate:          headerDate(header, dataset.StudyDate),
		StudyTime:          headerTime(header, dataset.StudyTime),
		StudyDescription:   headerText(header, dataset.StudyDescription),
		ReferringPhysician: headerText(header, dataset.ReferringPhysicianName),
	}
}

func headerText(header *dataset.Dataset, t dataset.Tag) string {
	return strings.TrimRight(header.Text(t), " \x00")
}

// headerDate is a date of an image's in today's form: images from the time of
// ACR-NEMA write 1997.04.24, which is the same day (PS3.5 §6.2, note on DA).
func headerDate(header *dataset.Dataset, t dataset.Tag) string {
	return dicomDate(headerText(header, t))
}

// headerTime is a time of an image's in today's form, without the colons of
// ACR-NEMA; as exact as the image has it (PS3.5 §6.2, TM).
func headerTime(header *dataset.Dataset, t dataset.Tag) string {
	clock := headerText(header, t)
	if strings.Contains(clock, ":") {
		return dicomTime(clock)
	}
	return clock
}

// IdentityFromRecord is the identity that a legacy record gives, for a study
// without images. The study UID is the caller's: the record's own, or one
// derived from its key.
func IdentityFromRecord(r Record, studyUID string) Identity {
	return Identity{
		PatientName:        oneValue(r.PatientName),
		PatientID:          r.PatientID,
		Issuer:             r.Issuer,
		PatientBirthDate:   dicomDate(r.PatientBirthDate),
		PatientSex:         dicomSex(r.PatientSex),
		StudyUID:           studyUID,
		AccessionNumber:    r.AccessionNumber,
		StudyDate:          dicomDate(r.StudyDate),
		StudyTime:          dicomTime(r.StudyTime),
		StudyDescription:   cutText(oneValue(r.Description), longString),
		ReferringPhysician: oneValue(r.ReferringPhysician),
	}
}

// oneValue keeps a backslash in a text from dividing it in two values
// (PS3.5 §6.4).
func oneValue(text string) string { return strings.ReplaceAll(text, `\`, "/") }

// dicomSex is what PS3.3 §C.7.1.1 allows in Patient's Sex: M, F, O or nothing.
func dicomSex(text string) string {
	switch strings.ToUpper(strings.TrimSpace(text)) {
	case "M", "MALE", "男":
		return "M"
	case "F", "FEMALE", "女":
		return "F"
	case "O", "OTHER":
		return "O"
	}
	return ""
}

// addTo adds the Patient and General Study Modules. Type 2 attributes stand
// there even when they are empty.
func (id Identity) addTo(a *attributes) {
	a.text(tag.PatientName, id.PatientName)
	a.text(tag.PatientID, id.PatientID)
	a.known(tag.IssuerOfPatientID, id.Issuer)
	a.text(tag.PatientBirthDate, id.PatientBirthDate)
	a.text(tag.PatientSex, id.PatientSex)
	a.text(tag.StudyInstanceUID, id.StudyUID)
	a.text(tag.StudyDate, id.StudyDate)
	a.text(tag.StudyTime, id.StudyTime)
	a.text(tag.StudyID, id.StudyID)
	a.text(tag.AccessionNumber, id.AccessionNumber)
	a.text(tag.ReferringPhysicianName, id.ReferringPhysician)
	a.known(tag.StudyDescription, id.StudyDescription)
}
