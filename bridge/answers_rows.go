package bridge

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"pacsbridge/dimse/dataset"
	"pacsbridge/staging"
)

// What the answers say beside the attributes of the query model. Study Status ID and
// Study Comments are retired; archives and tools know them all the same.
const (
	studyStatusID               dataset.Tag = 0x0032000A
	studyComments               dataset.Tag = 0x00324000
	availableTransferSyntaxUID  dataset.Tag = 0x00083002
	answersCreator              dataset.Tag = 0x00210010
	instancesExpected           dataset.Tag = 0x00211001
	instancesReceived           dataset.Tag = 0x00211002
	instancesStored             dataset.Tag = 0x00211003
	instancesFound              dataset.Tag = 0x00211004
	seriesExpected              dataset.Tag = 0x00211005
	seriesFound                 dataset.Tag = 0x00211006
	errorClass                  dataset.Tag = 0x00211007
	errorReason                 dataset.Tag = 0x00211008
	digestSHA256                dataset.Tag = 0x00211009
	dataSetLength               dataset.Tag = 0x0021100A
	recordsAndDocumentsExpected dataset.Tag = 0x0021100B
	recordsAndDocumentsFound    dataset.Tag = 0x0021100C
)

// creatorName is the private creator of group 0021 (PS3.5 §7.8.1).
const creatorName = "PACSBRIDGE"

// private sets a private attribute.
func private(d *dataset.Dataset, tag dataset.Tag, vr dataset.VR, value string) {
	if len(value)%2 == 1 {
		value += " "
	}
	d.Set(dataset.Element{Tag: answersCreator, VR: dataset.LO, Value: []byte(creatorName)})
	d.Set(dataset.Element{Tag: tag, VR: vr, Value: []byte(value)})
}

func number(d *dataset.Dataset, tag dataset.Tag, n int) { private(d, tag, dataset.IS, strconv.Itoa(n)) }

// available is Instance Availability (0008,0056) as seen from NEW (PS3.3 §C.4.23.1.1).
func available(s staging.State) string {
	switch {
	case s == staging.Migrated:
		return "ONLINE"
	case s == staging.Failed || s == staging.Skipped:
		return "UNAVAILABLE"
	case s == staging.ToMigrate || s == staging.Queued:
		return "OFFLINE"
	}
	return "NEARLINE"
}

// availableItem is the same for one object.
func availableItem(it *staging.Item) string {
	switch {
	case it.State == staging.ItemDone:
		return "ONLINE"
	case it.State == staging.ItemFailed || it.State == staging.ItemSkipped:
		return "UNAVAILABLE"
	case it.Received || it.Stored:
		return "NEARLINE"
	}
	return "OFFLINE"
}

// statusID writes a state as a CS: MIGRATED, TO_MIGRATE.
func statusID(state string) string { return strings.ToUpper(strings.ReplaceAll(state, "-", "_")) }

// from says which PACS a thing can be retrieved from.
func (q *question) from(availability string) string {
	if availability == "ONLINE" {
		return q.New
	}
	return q.Old
}

// common are the attributes of the study, in the answers of all levels.
func (q *question) common(e staging.CatalogueEntry, level, availability string) *dataset.Dataset {
	d := dataset.New().
		SetString(dataset.SpecificCharacterSet, "ISO_IR 192").
		SetString(dataset.QueryRetrieveLevel, level).
		SetString(dataset.RetrieveAETitle, q.from(availability)).
		SetString(dataset.InstanceAvailability, availability).
		SetString(dataset.StudyDate, strings.ReplaceAll(e.Date, "-", "")).
		SetString(dataset.AccessionNumber, e.AccessionNumber).
		SetString(dataset.PatientID, e.PatientID).
		SetString(dataset.IssuerOfPatientID, e.Issuer).
		SetString(dataset.StudyInstanceUID, e.UID)
	return d
}

func (q *question) studyRow(ctx context.Context, e staging.CatalogueEntry) (*dataset.Dataset, error) {
	d := q.common(e, studyLevel, available(e.State))
	d.SetString(dataset.ModalitiesInStudy, strings.Split(e.Modalities, `\`)...).
		SetString(dataset.StudyDescription, e.Description).
		SetString(dataset.NumberOfStudyRelatedInstances, strconv.Itoa(e.Instances.Expected)).
		SetString(studyStatusID, statusID(string(e.State)))
	d.SetText(studyComments, comment(e))
	number(d, instancesExpected, e.Instances.Expected)
	number(d, instancesReceived, e.Instances.Received)
	number(d, instancesStored, e.Instances.Stored)
	number(d, instancesFound, e.Instances.Verified)
	number(d, recordsAndDocumentsExpected, e.Records.Expected+e.Attachments.Expected)
	number(d, recordsAndDocumentsFound, e.Records.Migrated+e.Attachments.Migrated)
	private(d, errorClass, dataset.LO, string(e.Class))
	private(d, errorReason, dataset.LT, e.Reason)
	if !q.keys.Has(dataset.NumberOfStudyRelatedSeries) && !q.keys.Has(seriesExpected) && !q.keys.Has(seriesFound) {
		return d, nil // they cost a look at every object
	}
	_, items, err := q.Ledger.Study(ctx, e.UID)
	if err != nil {
		return nil, fmt.Errorf("read study %s in the ledger: %w", e.UID, err)
	}
	expected, found := 0, 0
	for _, series := range seriesOf(items) {
		expected++
		if series.numbers().Verified == len(series.items) {
			found++
		}
	}
	d.SetString(dataset.NumberOfStudyRelatedSeries, strconv.Itoa(expected))
	number(d, seriesExpected, expected)
	number(d, seriesFound, found)
	return d, nil
}

// comment says in words how far a study is.
func comment(e staging.CatalogueEntry) string {
	text := fmt.Sprintf("%s: %d of %d instances found at the new PACS", e.State, e.Instances.Verified, e.Instances.Expected)
	if e.Class != "" {
		text += "; " + string(e.Class)
	}
	return text
}

// numbers counts the objects of a series.
func (s series) numbers() staging.InstanceCounts {
	var n staging.InstanceCounts
	for _, it := range s.items {
		n.Expected++
		if it.Received {
			n.Received++
		}
		if it.Stored {
			n.Stored++
		}
		if it.Found {
			n.Verified++
		}
	}
	return n
}

func (q *question) seriesRow(e staging.CatalogueEntry, s series) *dataset.Dataset {
	n := s.numbers()
	availability := "OFFLINE"
	switch {
	case n.Verified == n.Expected:
		availability = "ONLINE"
	case n.Received+n.Stored > 0:
		availability = "NEARLINE"
	}
	d := q.common(e, seriesLevel, availability)
	d.SetString(dataset.SeriesInstanceUID, s.uid).
		SetString(dataset.NumberOfSeriesRelatedInstances, strconv.Itoa(n.Expected)).
		SetString(studyStatusID, statusID(string(e.State)))
	number(d, instancesExpected, n.Expected)
	number(d, instancesReceived, n.Received)
	number(d, instancesStored, n.Stored)
	number(d, instancesFound, n.Verified)
	return d
}

func (q *question) imageRow(e staging.CatalogueEntry, seriesUID string, it *staging.Item) *dataset.Dataset {
	d := q.common(e, imageLevel, availableItem(it))
	d.SetString(dataset.SeriesInstanceUID, seriesUID).
		SetString(dataset.SOPInstanceUID, it.ObjectUID).
		SetString(dataset.SOPClassUID, it.SOPClass).
		SetString(availableTransferSyntaxUID, it.TransferSyntax).
		SetString(studyStatusID, statusID(string(it.State)))
	private(d, errorClass, dataset.LO, string(it.Class))
	private(d, errorReason, dataset.LT, it.Reason)
	private(d, digestSHA256, dataset.LO, it.SHA256)
	private(d, dataSetLength, dataset.LO, strconv.FormatInt(it.Bytes, 10))
	return d
}
