package nondicom

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/suyashkumar/dicom/pkg/tag"

	"pacsbridge/dimse/uid"
)

// Rejection is why objects are to be hidden or deleted (PS3.16 CID 7011).
type Rejection string

// The reasons that may be given.
const (
	RejectedForQuality Rejection = "113001" // Rejected for Quality Reasons
	RejectedForSafety  Rejection = "113037" // Rejected for Patient Safety Reasons
)

var rejectionMeanings = map[Rejection]string{
	RejectedForQuality: "Rejected for Quality Reasons",
	RejectedForSafety:  "Rejected for Patient Safety Reasons",
}

// Rejected names an object that is to be hidden or deleted.
type Rejected struct{ SOPClass, SOPInstance, SeriesUID string }

// keyObjectSelection is Key Object Selection Document Storage (PS3.3 §A.35.4).
const keyObjectSelection = "1.2.840.10008.5.1.4.1.1.88.59"

var rejectionSeries = seriesKind{"rejection", "9907", "KO", "Rejection notes"}

// SeriesOfRejections is the series in which the rejection notes of a study stand.
func SeriesOfRejections(studyUID string) string {
	return uid.Derive("series", studyUID, rejectionSeries.name)
}

// RejectionNote makes a Key Object Selection Document whose title rejects the objects
// it names (IHE RAD TF-3, Imaging Object Change Management, §4.66.4.1.3). It is dated:
// objects that are rejected again later need another note.
func RejectionNote(id Identity, why Rejection, objects []Rejected, at time.Time) (*Object, error) {
	names := make([]string, len(objects))
	for i, o := range objects {
		names[i] = o.SOPInstance
	}
	sum := sha256.Sum256([]byte(strings.Join(names, `\`) + string(why)))
	from := origin{key: at.UTC().Format(time.RFC3339), number: instanceNumber(at.UTC().Format(time.RFC3339))}
	object, set := newObject(keyObjectSelection, uid.ExplicitLE, rejectionSeries, id, from, hex.EncodeToString(sum[:]))
	set.sequence(tag.ReferencedPerformedProcedureStepSequence)
	set.text(tag.ContentDate, at.UTC().Format("20060102"))
	set.text(tag.ContentTime, at.UTC().Format("150405"))
	set.text(tag.TimezoneOffsetFromUTC, "+0000")
	set.sequence(tag.CurrentRequestedProcedureEvidenceSequence, evidence(id.StudyUID, objects))
	set.text(tag.ValueType, "CONTAINER")
	set.sequence(tag.ConceptNameCodeSequence, code{string(why), "DCM", rejectionMeanings[why]}.item())
	set.text(tag.ContinuityOfContent, "SEPARATE")
	var template attributes
	template.text(tag.MappingResource, "DCMR")
	template.text(tag.TemplateIdentifier, "2010")
	set.sequence(tag.ContentTemplateSequence, template)
	var content []attributes
	for _, o := range objects {
		var item attributes
		item.sequence(tag.ReferencedSOPSequence, reference(o))
		item.text(tag.RelationshipType, "CONTAINS")
		item.text(tag.ValueType, referenceType(o.SOPClass))
		content = append(content, item)
	}
	set.sequence(tag.ContentSequence, content...)
	return object.alone(set)
}

// referenceType is the kind of a reference: waveforms and documents are no images.
func referenceType(sopClass string) string {
	name := uid.Name(sopClass)
	switch {
	case strings.Contains(name, "Image"):
		return "IMAGE"
	case strings.Contains(name, "Waveform") || strings.Contains(name, "ECG"):
		return "WAVEFORM"
	}
	return "COMPOSITE"
}

// evidence names the objects by series (PS3.3 §C.17.2, table C.17-3).
func evidence(studyUID string, objects []Rejected) attributes {
	var order []string
	bySeries := map[string][]attributes{}
	for _, o := range objects {
		if bySeries[o.SeriesUID] == nil {
			order = append(order, o.SeriesUID)
		}
		bySeries[o.SeriesUID] = append(bySeries[o.SeriesUID], reference(o))
	}
	var series []attributes
	for _, seriesUID := range order {
		var one attributes
		one.sequence(tag.ReferencedSOPSequence, bySeries[seriesUID]...)
		one.text(tag.SeriesInstanceUID, seriesUID)
		series = append(series, one)
	}
	var study attributes
	study.sequence(tag.ReferencedSeriesSequence, series...)
	study.text(tag.StudyInstanceUID, studyUID)
	return study
}

func reference(o Rejected) attributes {
	var a attributes
	a.text(tag.ReferencedSOPClassUID, o.SOPClass)
	a.text(tag.ReferencedSOPInstanceUID, o.SOPInstance)
	return a
}
