package dimsetest

import "pacsbridge/dimse/uid"

// A modality is what the images of one kind of equipment have in common.
type modality struct {
	sopClass   string
	department string
	bodyPart   string
	bits       uint16 // stored; 8 allocates a byte, more allocate two
	planes     bool   // has a place in the patient (PS3.3 §C.7.6.2)
	attributes []attribute
}

// An attribute is one line of a module, its values joined by backslashes.
type attribute struct{ keyword, value string }

// modalities holds the modules of PS3.3 that each kind needs to be valid, by
// the value of (0008,0060).
var modalities = map[string]modality{
	"CT": {
		sopClass: uid.CTImageStorage, department: "Radiology", bodyPart: "CHEST", bits: 12, planes: true,
		attributes: []attribute{
			{"ImageType", `ORIGINAL\PRIMARY\AXIAL`}, {"KVP", "120"}, {"AcquisitionNumber", "1"},
			{"RescaleIntercept", "-1024"}, {"RescaleSlope", "1"}, {"RescaleType", "HU"},
			{"WindowCenter", "40"}, {"WindowWidth", "400"}, {"ConvolutionKernel", "B30f"},
		},
	},
	"MR": {
		sopClass: uid.MRImageStorage, department: "Neurology", bodyPart: "BRAIN", bits: 12, planes: true,
		attributes: []attribute{
			{"ImageType", `ORIGINAL\PRIMARY\OTHER`}, {"ScanningSequence", "SE"}, {"SequenceVariant", "NONE"},
			{"ScanOptions", ""}, {"MRAcquisitionType", "2D"}, {"RepetitionTime", "2500"}, {"EchoTime", "90"},
			{"EchoTrainLength", "1"}, {"MagneticFieldStrength", "1.5"},
		},
	},
	"CR": {
		sopClass: uid.CRImageStorage, department: "Radiology", bodyPart: "CHEST", bits: 12,
		attributes: []attribute{
			{"ImageType", `ORIGINAL\PRIMARY`}, {"ViewPosition", "PA"}, {"PatientOrientation", `L\F`},
			{"KVP", "90"}, {"PlateType", ""},
		},
	},
	"US": {
		sopClass: uid.USImageStorage, department: "Cardiology", bodyPart: "HEART", bits: 8,
		attributes: []attribute{
			{"ImageType", `ORIGINAL\PRIMARY\TEE\0001`}, {"PatientOrientation", ""}, {"TransducerData", ""},
		},
	},
	"OT": {
		sopClass: uid.SecondaryCapture, department: "Dermatology", bodyPart: "SKIN", bits: 8,
		attributes: []attribute{
			{"ImageType", `DERIVED\SECONDARY`}, {"ConversionType", "WSD"}, {"PatientOrientation", ""}, {"Laterality", "L"},
		},
	},
}
