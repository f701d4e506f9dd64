package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// heldRecord is a legacy record as staging keeps it, with the reason why it may
// not travel, if there is one.
type heldRecord struct {
	nondicom.Record
	Held string `json:"held,omitempty"`
}

// joined finds the study of each record and lists its attachments. l is what OLD
// has listed already.
func (v *Inventory) joined(ctx context.Context, page []nondicom.Record, l *listing) ([]staging.StagedRecord, error) {
	rows := make([]staging.StagedRecord, 0, len(page))
	files := pageFiles{}
	for _, record := range page {
		study, held, err := v.join(ctx, record, l)
		if err != nil {
			return nil, fmt.Errorf("join legacy record %s: %w", record.StudyKey, err)
		}
		row, err := v.stagedRecord(ctx, study, heldRecord{Record: record, Held: held}, files)
		if err != nil {
			return nil, err
		}
		if own := ownUID(record); own != study.UID {
			row.Placeholder = own
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// join finds the study a record belongs to: by Study Instance UID, else by
// accession number and patient ID, of the same issuer where both sides tell it.
// Two matches are an ambiguity, and held is its
// text; the record then gets a study row of its own that never travels. A record
// that joins no study gets one made from itself.
func (v *Inventory) join(ctx context.Context, record nondicom.Record, l *listing) (study staging.Study, held string, err error) {
	q := StudyQuery{StudyUID: record.StudyUID}
	switch {
	case record.StudyUID != "" && !uid.Opaque(record.StudyUID):
		return ownStudy(record, staging.Ambiguous), "the record's study_uid is no UID: it is longer than 64 characters or holds characters no UID has", nil
	case record.StudyUID != "":
		if listed, known := l.listed[record.StudyUID]; known {
			return joinedStudy(listed, record), "", nil
		}
	case record.AccessionNumber != "" && record.PatientID != "":
		q = StudyQuery{AccessionNumber: record.AccessionNumber, PatientID: record.PatientID}
	default:
		return ownStudy(record, staging.Ghost), "", nil
	}
	matches, err := v.matches(ctx, q)
	if err != nil {
		return staging.Study{}, "", err
	}
	if q.StudyUID == "" {
		matches = slices.DeleteFunc(matches, func(s staging.Study) bool { return !sameIssuer(s.Issuer, record.Issuer) })
	}
	switch len(matches) {
	case 0:
		return ownStudy(record, staging.Ghost), "", nil
	case 1:
		l.confirm(matches[0])
		return joinedStudy(matches[0], record), "", nil
	}
	return ownStudy(record, staging.Ambiguous),
		fmt.Sprintf("accession number and patient ID of the record match %d studies at the old PACS", len(matches)), nil
}

// sameIssuer reports whether two patient IDs may be of one issuer: where one side
// does not tell it, they may.
func sameIssuer(one, other string) bool { return one == "" || other == "" || one == other }

// confirm counts a study that OLD holds and did not list where it should have.
func (l *listing) confirm(study staging.Study) {
	if _, listed := l.listed[study.UID]; !listed && l.listed != nil && l.window.holds(study.Date) {
		l.missed++
	}
}

// matches asks OLD for the studies of a query and drops answers that do not
// match: some archives ignore keys they do not index.
func (v *Inventory) matches(ctx context.Context, q StudyQuery) ([]staging.Study, error) {
	var matches []staging.Study
	for study, err := range v.Old.Studies(ctx, q) {
		if err != nil {
			return nil, fmt.Errorf("find the study at the old PACS: %w", err)
		}
		if q.matches(study) {
			matches = append(matches, study)
		}
	}
	return matches, nil
}

// matches reports whether a study carries the keys the query names.
func (q StudyQuery) matches(s staging.Study) bool {
	return (q.StudyUID == "" || q.StudyUID == s.UID) &&
		(q.PatientID == "" || q.PatientID == s.PatientID) &&
		(q.AccessionNumber == "" || q.AccessionNumber == s.AccessionNumber)
}

// joinedStudy is a study of OLD with what only the record knows.
func joinedStudy(study staging.Study, record nondicom.Record) staging.Study {
	study.Key = record.StudyKey
	study.RangeDate = record.StudyDate
	if record.Department != "" {
		study.Department = record.Department
	}
	return study
}

// ownStudy is the study made from a record that joins none. Its UID comes from
// the legacy key, so that a second run makes the same one.
func ownStudy(record nondicom.Record, kind staging.Kind) staging.Study {
	studyUID := record.StudyUID
	if studyUID == "" || kind == staging.Ambiguous {
		studyUID = ownUID(record)
	}
	return staging.Study{
		UID: studyUID, Key: record.StudyKey, Kind: kind,
		PatientID: record.PatientID, Issuer: record.Issuer, AccessionNumber: record.AccessionNumber,
		Department: record.Department, Modalities: record.Modality, Description: record.Description,
		Date: record.StudyDate, RangeDate: record.StudyDate,
	}
}

func ownUID(record nondicom.Record) string {
	return uid.Derive("pacsbridge", "study", record.StudyKey)
}

func (v *Inventory) stagedRecord(ctx context.Context, study staging.Study, held heldRecord, files pageFiles) (staging.StagedRecord, error) {
	attachments, err := v.Legacy.Attachments(ctx, held.Record)
	if err != nil {
		return staging.StagedRecord{}, fmt.Errorf("list attachments of record %s: %w", held.StudyKey, err)
	}
	row := staging.StagedRecord{Study: study, SameFile: files.same}
	if row.Record, err = item(staging.Record, held.StudyKey, held); err != nil {
		return row, err
	}
	for _, a := range attachments {
		staged, err := item(staging.Attachment, a.Key, a)
		if err != nil {
			return row, err
		}
		row.Attachments = append(row.Attachments, staged)
		files[fileName{a.StudyKey, a.Key}] = a.Location
	}
	return row, nil
}

// item is the ledger's row of a record or an attachment; what it stands for
// travels as its payload.
func item(kind staging.ItemKind, key string, payload any) (staging.Item, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return staging.Item{}, fmt.Errorf("encode %s %s for staging: %w", kind, key, err)
	}
	return staging.Item{Kind: kind, UID: key, State: staging.ItemPending, Payload: body}, nil
}

// claimedBy keeps the records that may belong to a study, before OLD is asked.
func claimedBy(study staging.Study, page []nondicom.Record) []nondicom.Record {
	var claimed []nondicom.Record
	for _, r := range page {
		byUID := r.StudyUID == study.UID
		byAccession := r.StudyUID == "" && r.AccessionNumber != "" &&
			r.AccessionNumber == study.AccessionNumber && r.PatientID == study.PatientID && sameIssuer(r.Issuer, study.Issuer)
		if byUID || byAccession {
			claimed = append(claimed, r)
		}
	}
	return claimed
}

// only keeps the rows that joined the study.
func only(studyUID string, rows []staging.StagedRecord) []staging.StagedRecord {
	var kept []staging.StagedRecord
	for _, row := range rows {
		if row.Study.UID == studyUID {
			kept = append(kept, row)
		}
	}
	return kept
}
