package nondicom

// Record is one study record of the old system's database. All values are
// text, trailing blanks removed; what the query did not return is empty.
type Record struct {
	// StudyKey is the record's key in the old system. It is also the cursor
	// that Legacy.Records goes on from.
	StudyKey string `json:"study_key"`
	// PaddedKey is StudyKey with the blanks that stand at its end in the database; empty
	// where there are none. Queries that compare exactly find attachments by it alone.
	PaddedKey string `json:"-"`
	// StudyDate is 2026-01-31, or empty when there is none or it cannot be
	// read as a date (the column's text is then kept among Fields).
	StudyDate        string `json:"study_date,omitempty"`
	StudyUID         string `json:"study_uid,omitempty"`
	AccessionNumber  string `json:"accession_number,omitempty"`
	PatientID        string `json:"patient_id,omitempty"`
	Issuer           string `json:"issuer,omitempty"`
	PatientName      string `json:"patient_name,omitempty"`
	PatientBirthDate string `json:"patient_birth_date,omitempty"` // like StudyDate
	PatientSex       string `json:"patient_sex,omitempty"`        // as the old system has it
	// StudyTime is 14:05:00 or longer, or empty; like StudyDate.
	StudyTime          string  `json:"study_time,omitempty"`
	Modality           string  `json:"modality,omitempty"`
	Department         string  `json:"department,omitempty"`
	Description        string  `json:"description,omitempty"`
	ReferringPhysician string  `json:"referring_physician,omitempty"`
	ReportText         string  `json:"report_text,omitempty"`
	Fields             []Field `json:"fields,omitempty"` // further columns, in the query's order
	// Number is its place among the records of its study, from 1: the Instance
	// Number of its report where the key is no number. Zero: not known.
	Number int `json:"-"`
}

// Digest is the SHA-256 of the record's content, hexadecimal.
func (r Record) Digest() (string, error) { return digestOf(r) }

// Field is a column of the record that has no meaning of its own here. It
// travels under the name the query gave it.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// recordColumns are the columns that have a meaning of their own, and where
// their values go. study_key is set by the paging.
var recordColumns = []struct {
	name  string
	field func(*Record) *string
	read  func(string) (string, bool) // nil: taken as it is
}{
	{"study_key", nil, nil},
	{"study_date", func(r *Record) *string { return &r.StudyDate }, isoDate},
	{"study_uid", func(r *Record) *string { return &r.StudyUID }, nil},
	{"accession_number", func(r *Record) *string { return &r.AccessionNumber }, nil},
	{"patient_id", func(r *Record) *string { return &r.PatientID }, nil},
	{"issuer", func(r *Record) *string { return &r.Issuer }, nil},
	{"patient_name", func(r *Record) *string { return &r.PatientName }, nil},
	{"patient_birth_date", func(r *Record) *string { return &r.PatientBirthDate }, isoDate},
	{"patient_sex", func(r *Record) *string { return &r.PatientSex }, nil},
	{"study_time", func(r *Record) *string { return &r.StudyTime }, isoTime},
	{"modality", func(r *Record) *string { return &r.Modality }, nil},
	{"department", func(r *Record) *string { return &r.Department }, nil},
	{"description", func(r *Record) *string { return &r.Description }, nil},
	{"referring_physician", func(r *Record) *string { return &r.ReferringPhysician }, nil},
	{"report_text", func(r *Record) *string { return &r.ReportText }, nil},
}

func recordColumnNames() []string {
	names := make([]string, len(recordColumns))
	for i, column := range recordColumns {
		names[i] = column.name
	}
	return names
}

// recordOf makes a record of a row. A date or time that cannot be read is kept
// as a further field under its column's name.
func recordOf(l *layout, r row, key string) Record {
	record := Record{StudyKey: key}
	for _, i := range l.extra {
		record.Fields = append(record.Fields, Field{Name: l.names[i], Value: r.text(i)})
	}
	for _, column := range recordColumns {
		if column.field == nil {
			continue
		}
		text := l.text(r, column.name)
		if column.read != nil {
			value, ok := column.read(text)
			if !ok {
				record.Fields = append(record.Fields, Field{Name: column.name, Value: text})
			}
			text = value
		}
		*column.field(&record) = text
	}
	return record
}
