package nondicom

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"

	"pacsbridge/dimse/uid"
)

// privateScheme is the designator of our own codes (PS3.3 §8.2).
const privateScheme = "99PACSBRIDGE"

// code is a coded concept (PS3.3 §8.8).
type code struct{ value, scheme, meaning string }

// The titles of the document (PS3.16 CID 7000) and of its parts.
var (
	titleOfReport = code{"18748-4", "LN", "Diagnostic imaging study"}
	titleOfRecord = code{"RECORD", privateScheme, "Study record of the old system"}
	partFields    = code{"FIELDS", privateScheme, "Study record of the old system"}
	partReport    = code{"REPORT", privateScheme, "Report"}
	reportText    = code{"REPORT_TEXT", privateScheme, "Report text"}
)

// The content date and time of a record whose study has none: the attributes
// must have values (PS3.3 §C.17.2), and those of the migration would be false.
const (
	undated  = "19000101"
	midnight = "000000"
)

// ReportOfRecord makes a Basic Text SR of a record (PS3.3 §A.35.1): a document
// with one part that holds the record's fields, each a TEXT under its name, and
// one part that holds the report's text, whatever its length.
func ReportOfRecord(id Identity, r Record) (*Object, error) {
	digest, err := digestOf(r)
	if err != nil {
		return nil, err
	}
	object, set := newObject(uid.BasicTextSR, uid.ExplicitLE, recordSeries, id, r.origin(), digest)
	set.sequence(tag.ReferencedPerformedProcedureStepSequence)
	reportHeader(set, id, "")
	addContent(set, r)
	return object.alone(set)
}

// reportHeader adds the SR Document General Module (PS3.3 §C.17.2): dated when
// the content was made, else as the study is.
func reportHeader(set *attributes, id Identity, createdAt string) {
	day, clock := dicomDate(createdAt), ""
	if day == "" {
		day, clock = dicomDate(id.StudyDate), dicomTime(id.StudyTime)
	} else {
		clock = dicomTime(timeOf(createdAt))
	}
	set.text(tag.ContentDate, cmp.Or(day, undated))
	set.text(tag.ContentTime, cmp.Or(clock, midnight))
	set.text(tag.CompletionFlag, "COMPLETE")
	set.text(tag.VerificationFlag, "UNVERIFIED")
	set.sequence(tag.PerformedProcedureCodeSequence)
}

// alone makes the object of its attributes, which are all there is.
func (o *Object) alone(set *attributes) (*Object, error) {
	below, from, err := set.encode(tag.PixelData)
	if err != nil {
		return nil, err
	}
	o.head = append(below, from...)
	o.Size = int64(len(o.head))
	return o, nil
}

// digestOf is the digest of a record's content.
func digestOf(r Record) (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// addContent adds the SR Document Content Module (PS3.3 §C.17.3): the root and
// what it contains.
func addContent(set *attributes, r Record) {
	title := titleOfRecord
	parts := []attributes{container(partFields, fieldItems(r))}
	if strings.TrimSpace(r.ReportText) != "" {
		title = titleOfReport
		parts = append(parts, container(partReport, []attributes{textItem(reportText, r.ReportText)}))
	}
	set.text(tag.ValueType, "CONTAINER")
	set.sequence(tag.ConceptNameCodeSequence, title.item())
	set.text(tag.ContinuityOfContent, "SEPARATE")
	set.sequence(tag.ContentSequence, parts...)
}

// container is a part of the document: a heading and its items.
func container(heading code, items []attributes) attributes {
	var a attributes
	a.text(tag.RelationshipType, "CONTAINS")
	a.text(tag.ValueType, "CONTAINER")
	a.sequence(tag.ConceptNameCodeSequence, heading.item())
	a.text(tag.ContinuityOfContent, "SEPARATE")
	a.sequence(tag.ContentSequence, items...)
	return a
}

// textItem is a text under its name.
func textItem(name code, text string) attributes {
	var a attributes
	a.text(tag.RelationshipType, "CONTAINS")
	a.text(tag.ValueType, "TEXT")
	a.sequence(tag.ConceptNameCodeSequence, name.item())
	a.text(tag.TextValue, text)
	return a
}

// item is the code as an item of a code sequence.
func (c code) item() attributes {
	var a attributes
	a.text(tag.CodeValue, c.value)
	a.text(tag.CodingSchemeDesignator, c.scheme)
	a.text(tag.CodeMeaning, c.meaning)
	return a
}

// fieldCodes name the record's fields, in the order of the document. Those
// that the standard names stand in PS3.16 annex D.
var fieldCodes = []struct {
	name  code
	value func(Record) string
}{
	{code{"STUDY_KEY", privateScheme, "Key in the old system"}, func(r Record) string { return r.StudyKey }},
	{code{"111060", "DCM", "Study Date"}, func(r Record) string { return r.StudyDate }},
	{code{"111061", "DCM", "Study Time"}, func(r Record) string { return r.StudyTime }},
	{code{"121018", "DCM", "Procedure Study Instance UID"}, func(r Record) string { return r.StudyUID }},
	{code{"121022", "DCM", "Accession Number"}, func(r Record) string { return r.AccessionNumber }},
	{code{"121030", "DCM", "Subject ID"}, func(r Record) string { return r.PatientID }},
	{code{"ISSUER", privateScheme, "Issuer of the subject ID"}, func(r Record) string { return r.Issuer }},
	{code{"121029", "DCM", "Subject Name"}, func(r Record) string { return r.PatientName }},
	{code{"121031", "DCM", "Subject Birth Date"}, func(r Record) string { return r.PatientBirthDate }},
	{code{"121032", "DCM", "Subject Sex"}, func(r Record) string { return r.PatientSex }},
	{code{"121139", "DCM", "Modality"}, func(r Record) string { return r.Modality }},
	{code{"DEPARTMENT", privateScheme, "Department"}, func(r Record) string { return r.Department }},
	{code{"121065", "DCM", "Procedure Description"}, func(r Record) string { return r.Description }},
	{code{"REFERRING", privateScheme, "Referring physician"}, func(r Record) string { return r.ReferringPhysician }},
}

// fieldItems are the record's fields that have a value: an item without one
// is not allowed (PS3.3 §C.17.3.2).
func fieldItems(r Record) []attributes {
	var items []attributes
	for _, field := range fieldCodes {
		if value := field.value(r); strings.TrimSpace(value) != "" {
			items = append(items, textItem(field.name, value))
		}
	}
	for _, field := range r.Fields {
		if strings.TrimSpace(field.Value) != "" {
			items = append(items, textItem(codeOfField(field.Name), field.Value))
		}
	}
	return items
}

// codeOfField is the code of a further column: its name where that fits into a
// code value (PS3.5 §6.2, SH), else a digest of it.
func codeOfField(name string) code {
	value := "COLUMN_" + strings.ToUpper(name)
	if len(value) > 16 || strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		sum := fnv.New32a()
		_, _ = sum.Write([]byte(name)) // a hash does not fail
		value = "COLUMN_" + strings.ToUpper(hex.EncodeToString(sum.Sum(nil)))
	}
	meaning := cutText(oneValue(strings.TrimSpace(name)), longString)
	if meaning == "" {
		meaning = "Column without a name"
	}
	return code{value, privateScheme, meaning}
}
