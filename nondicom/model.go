package nondicom

import (
	"github.com/suyashkumar/dicom/pkg/tag"

	"pacsbridge/dimse/uid"
)

// The classes of models, by their media types (PS3.3 §A.85).
var modelClasses = map[string]string{
	stlKind: "1.2.840.10008.5.1.4.1.1.104.3",
	objKind: "1.2.840.10008.5.1.4.1.1.104.4",
	mtlKind: "1.2.840.10008.5.1.4.1.1.104.5",
}

// millimetre is the unit of a model's numbers. The files do not say it; it is
// what the makers of such files agree on.
var millimetre = code{"mm", "UCUM", "mm"}

// encapsulateModel makes an Encapsulated STL, OBJ or MTL of a model, or of the
// materials of one, for printing in three dimensions. The file is untouched.
func encapsulateModel(kind string) func(Identity, Attachment, source) (*Object, error) {
	return func(id Identity, a Attachment, s source) (*Object, error) {
		e := encapsulation{class: modelClasses[kind], mime: kind, series: modelSeries}
		return e.object(id, a, s, func(set *attributes) {
			// Enhanced General Equipment Module (PS3.3 §C.7.5.2), all type 1.
			set.text(tag.ManufacturerModelName, manufacturer)
			set.text(tag.DeviceSerialNumber, "1")
			set.text(tag.SoftwareVersions, uid.ImplementationVersion)
			if kind == mtlKind {
				return
			}
			// Frame of Reference Module (PS3.3 §C.7.4.1): each model's own.
			set.text(tag.FrameOfReferenceUID, uid.Derive("frame of reference", id.StudyUID, a.Key, s.digest))
			set.text(tag.PositionReferenceIndicator, "")
			// Manufacturing 3D Model Module (PS3.3 §C.33.1).
			set.sequence(tag.MeasurementUnitsCodeSequence, millimetre.item())
			set.text(tag.ModelModification, "NO")
			set.text(tag.ModelMirroring, "NO")
		})
	}
}
