package nondicom

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

// IdentityFromRecord is the identity that a legacy record gives, for a study
// without images. The study UID is the caller's: the record's own, or one
// derived from its key.
func IdentityFromRecord(r Record, studyUID string) Identity {
	return Identity{StudyUID: studyUID}
}
