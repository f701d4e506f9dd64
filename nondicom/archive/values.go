package archive

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"pacsbridge/nondicom"
)

// valueNames are what a row of a level has, beside field:NAME and 'text'. What
// a level has the levels below it do not repeat, except for the UIDs.
var valueNames = map[Level][]string{
	StudyLevel: {"study_uid", "study_key", "patient_id", "issuer", "patient_name", "patient_birth_date", "patient_sex", "study_id",
		"accession_number", "study_date", "study_time", "modalities", "department", "description", "referring_physician"},
	SeriesLevel: {"study_uid", "series_uid"},
	ObjectLevel: {"study_uid", "series_uid", "object_uid", "kind", "sop_class", "transfer_syntax", "bytes", "sha256"},
	RecordLevel: {"study_uid", "object_uid", "version", "study_key", "record_study_uid", "patient_id", "issuer", "patient_name", "patient_birth_date",
		"patient_sex", "accession_number", "study_date", "study_time", "modality", "department", "description", "referring_physician", "report_text", "record"},
	AttachmentLevel: {"study_uid", "object_uid", "version", "study_key", "attachment_key", "title", "mime", "media_type", "created_at", "location",
		"bytes", "sha256", "stored_name", "stored_bytes"},
}

// fieldValue is a further column of the record that belongs to the row.
const fieldValue = "field:"

func isValue(of Level, name string) bool {
	_, isField := strings.CutPrefix(name, fieldValue)
	return slices.Contains(valueNames[of], name) || isField && (of == StudyLevel || of == RecordLevel) || isText(name)
}

func isText(name string) bool {
	return len(name) >= 2 && name[0] == '\'' && name[len(name)-1] == '\''
}

// value is what goes into a column: nothing where the row has none.
func value(row map[string]string, name string) any {
	text := row[name]
	if isText(name) {
		text = name[1 : len(name)-1]
	}
	if text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD"); text == "" {
		return nil
	}
	return text
}

// rows are the rows of a study at a level. Stored are its files by digest.
func (s *Study) rows(of Level, stored map[string]file) ([]map[string]string, error) {
	var rows []map[string]string
	switch of {
	case StudyLevel:
		rows = append(rows, s.row())
	case SeriesLevel:
		for _, uid := range s.series() {
			rows = append(rows, map[string]string{"study_uid": s.UID, "series_uid": uid})
		}
	case ObjectLevel:
		for _, o := range s.Objects {
			rows = append(rows, map[string]string{"study_uid": s.UID, "series_uid": o.SeriesUID, "object_uid": o.UID, "kind": o.Kind,
				"sop_class": o.SOPClass, "transfer_syntax": o.TransferSyntax, "bytes": strconv.FormatInt(o.Bytes, 10), "sha256": o.SHA256})
		}
	case RecordLevel:
		for _, r := range s.Records {
			row, err := s.recordRow(r)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	case AttachmentLevel:
		for _, a := range s.Attachments {
			rows = append(rows, s.attachmentRow(a, stored[a.Digest]))
		}
	}
	return rows, nil
}

// row is the study's own. What only a record knows stands in it too.
func (s *Study) row() map[string]string {
	id := s.Identity
	row := map[string]string{
		"study_uid": s.UID, "study_key": s.Key, "patient_id": id.PatientID, "issuer": id.Issuer, "patient_name": id.PatientName,
		"patient_birth_date": isoDay(id.PatientBirthDate), "patient_sex": id.PatientSex, "study_id": id.StudyID,
		"accession_number": id.AccessionNumber, "study_date": isoDay(id.StudyDate), "study_time": isoClock(id.StudyTime),
		"modalities": s.Modalities, "department": s.Department, "description": id.StudyDescription, "referring_physician": id.ReferringPhysician,
	}
	if len(s.Records) > 0 {
		addFields(row, s.Records[0].Fields)
	}
	return row
}

func addFields(row map[string]string, fields []nondicom.Field) {
	for _, f := range fields {
		row[fieldValue+f.Name] = f.Value
	}
}

func (s *Study) recordRow(r Record) (map[string]string, error) {
	whole, err := json.Marshal(r.Record)
	if err != nil {
		return nil, err
	}
	row := map[string]string{
		"study_uid": s.UID, "object_uid": r.ObjectUID, "version": strconv.Itoa(r.Version), "study_key": r.StudyKey, "record_study_uid": r.StudyUID,
		"patient_id": r.PatientID, "issuer": r.Issuer, "patient_name": r.PatientName, "patient_birth_date": r.PatientBirthDate, "patient_sex": r.PatientSex,
		"accession_number": r.AccessionNumber, "study_date": r.StudyDate, "study_time": r.StudyTime, "modality": r.Modality, "department": r.Department,
		"description": r.Description, "referring_physician": r.ReferringPhysician, "report_text": r.ReportText,
		"record": strings.ReplaceAll(string(whole), `\u0000`, `\ufffd`), // PostgreSQL takes no NUL
	}
	addFields(row, r.Fields)
	return row, nil
}

func (s *Study) attachmentRow(a Attachment, f file) map[string]string {
	return map[string]string{
		"study_uid": s.UID, "object_uid": a.ObjectUID, "version": strconv.Itoa(a.Version), "study_key": a.StudyKey, "attachment_key": a.Key,
		"title": a.Title, "mime": a.MIME, "media_type": a.Kind, "created_at": a.CreatedAt, "location": a.Location,
		"bytes": strconv.FormatInt(a.Bytes, 10), "sha256": a.Digest, "stored_name": f.name, "stored_bytes": strconv.FormatInt(f.bytes, 10),
	}
}

// isoDay is a day of DICOM as a database has it; empty when it is none
// (PS3.5 §6.2, DA).
func isoDay(da string) string {
	day, err := time.Parse("20060102", da)
	if err != nil {
		return ""
	}
	return day.Format(time.DateOnly)
}

// isoClock is a time of DICOM as a database has it; empty when it is none
// (PS3.5 §6.2, TM).
func isoClock(tm string) string {
	whole, fraction, _ := strings.Cut(tm, ".")
	for len(whole) == 2 || len(whole) == 4 {
		whole += "00"
	}
	clock, err := time.Parse("150405", whole)
	if err != nil {
		return ""
	}
	text := clock.Format(time.TimeOnly)
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" && strings.Trim(fraction, "0123456789") == "" {
		text += "." + fraction
	}
	return text
}
