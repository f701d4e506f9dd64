package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"pacsbridge/nondicom"
)

// daysBack is how far back a day with records is looked for.
const daysBack = 14

// tryLegacy runs both queries on one day, which shows a wrong column or
// parameter, and shows the first record as it was mapped, with what tells of the
// patient masked. Without a day it is the last one before today that has a record.
func (r *rig) tryLegacy(ctx context.Context, day time.Time) (string, error) {
	at := r.settings.Legacy.URL.String()
	legacy, err := openLegacy(ctx, r.settings)
	if err != nil {
		return at, err
	}
	defer legacy.Close()
	first, last := day, day
	if day.IsZero() {
		last = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
		first = last.AddDate(0, 0, 1-daysBack)
	}
	var records []nondicom.Record
	for day = last; !day.Before(first) && len(records) == 0; day = day.AddDate(0, 0, -1) {
		if records, err = legacy.Records(ctx, day, day.AddDate(0, 0, 1), "", 1); err != nil {
			return at, withHint(err, "see legacy.records")
		}
	}
	if len(records) == 0 {
		return fmt.Sprintf("%s; no record from %s to %s; name a day that has some: --day", at, isoDay(first), isoDay(last)), nil
	}
	attachments, err := r.tryAttachments(ctx, legacy, records[0])
	return at + "; the first record: " + masked(records[0]) + attachments, withHint(err, "see legacy.attachments")
}

// tryAttachments lists the attachments of a record.
func (r *rig) tryAttachments(ctx context.Context, legacy *nondicom.Legacy, record nondicom.Record) (string, error) {
	if r.settings.Legacy.Attachments == "" {
		return "", nil
	}
	attachments, err := legacy.Attachments(ctx, record)
	if err != nil {
		return "", err
	}
	text := "; " + count(len(attachments), "attachment", "attachments")
	if len(attachments) > 0 {
		store, _, _ := strings.Cut(attachments[0].Location, ":")
		text += fmt.Sprintf(", the first: attachment_key=%s, store=%s", maskText(attachments[0].Key), store)
		if attachments[0].Size >= 0 {
			text += fmt.Sprintf(", size=%d", attachments[0].Size)
		}
	}
	return text, nil
}

// masked shows which column of the query became what, without telling whose
// record it is: letters are a and A, digits are 9, and texts only have a length.
func masked(r nondicom.Record) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("study_key", maskText(r.StudyKey))
	add("study_date", r.StudyDate)
	add("study_time", maskText(r.StudyTime))
	add("study_uid", maskText(r.StudyUID))
	add("accession_number", maskText(r.AccessionNumber))
	add("patient_id", maskText(r.PatientID))
	add("issuer", r.Issuer)
	add("patient_name", maskText(r.PatientName))
	add("patient_birth_date", maskText(r.PatientBirthDate))
	add("patient_sex", maskText(r.PatientSex))
	add("modality", r.Modality)
	add("department", r.Department)
	add("description", maskLength(r.Description))
	add("referring_physician", maskText(r.ReferringPhysician))
	add("report_text", maskLength(r.ReportText))
	for _, f := range r.Fields {
		add(f.Name, maskLength(f.Value))
	}
	return strings.Join(parts, ", ")
}

func maskText(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsDigit(r):
			return '9'
		case unicode.IsUpper(r):
			return 'A'
		case unicode.IsLetter(r) || unicode.IsMark(r):
			return 'a'
		}
		return r
	}, text)
}

func maskLength(text string) string {
	if text == "" {
		return ""
	}
	return "(" + count(len([]rune(text)), "character", "characters") + ")"
}
