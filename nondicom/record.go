package nondicom

// Record is one study record of the old system's database. All values are
// text, trailing blanks removed; what the query did not return is empty.
type Record struct {
	// StudyKey is the record's key in the old system. It is also the cursor
	// that Legacy.Records goes on from.
	StudyKey string `json:"study_key"`
	// StudyDate is 2026-01-31, or empty when there is none or it cannot be
	// read as a date (the column's text is then kept among Fields).
	StudyDate          string  `json:"study_date,omitempty"`
	StudyUID           string  `json:"study_uid,omitempty"`
	AccessionNumber    string  `json:"accession_number,omitempty"`
	PatientID          string  `json:"patient_id,omitempty"`
	Issuer             string  `json:"issuer,omitempty"`
	PatientName        string  `json:"patient_name,omitempty"`
	PatientBirthDate   string  `json:"patient_birth_date,omitempty"`
	PatientSex         string  `json:"patient_sex,omitempty"`
	StudyTime          string  `json:"study_time,omitempty"`
	Modality           string  `json:"modality,omitempty"`
	Department         string  `json:"department,omitempty"`
	Description        string  `json:"description,omitempty"`
	ReferringPhysician string  `json:"referring_physician,omitempty"`
	ReportText         string  `json:"report_text,omitempty"`
	Fields             []Field `json:"fields,omitempty"` // further columns, in the query's order
}

// Field is a column of the record that has no meaning of its own here. It
// travels under the name the query gave it.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
