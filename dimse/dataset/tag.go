package dataset

import (
	"fmt"
	"strings"

	"github.com/grailbio/go-dicom/dicomtag"
)

// Tag names an attribute: its group in the upper 16 bits, its element in the lower (PS3.5 §7.1.1).
type Tag uint32

// The tags that this program speaks of, by their keywords (PS3.6). Others are found by FindTag.
const (
	FileMetaInformationGroupLength Tag = 0x00020000
	FileMetaInformationVersion     Tag = 0x00020001
	MediaStorageSOPClassUID        Tag = 0x00020002
	MediaStorageSOPInstanceUID     Tag = 0x00020003
	TransferSyntaxUID              Tag = 0x00020010
	ImplementationClassUID         Tag = 0x00020012
	ImplementationVersionName      Tag = 0x00020013
	SourceApplicationEntityTitle   Tag = 0x00020016

	SpecificCharacterSet           Tag = 0x00080005
	ImageType                      Tag = 0x00080008
	InstanceCreationDate           Tag = 0x00080012
	InstanceCreationTime           Tag = 0x00080013
	SOPClassUID                    Tag = 0x00080016
	SOPInstanceUID                 Tag = 0x00080018
	StudyDate                      Tag = 0x00080020
	SeriesDate                     Tag = 0x00080021
	AcquisitionDate                Tag = 0x00080022
	ContentDate                    Tag = 0x00080023
	AcquisitionDateTime            Tag = 0x0008002A
	StudyTime                      Tag = 0x00080030
	SeriesTime                     Tag = 0x00080031
	AcquisitionTime                Tag = 0x00080032
	ContentTime                    Tag = 0x00080033
	AccessionNumber                Tag = 0x00080050
	QueryRetrieveLevel             Tag = 0x00080052
	RetrieveAETitle                Tag = 0x00080054
	InstanceAvailability           Tag = 0x00080056
	FailedSOPInstanceUIDList       Tag = 0x00080058
	Modality                       Tag = 0x00080060
	ModalitiesInStudy              Tag = 0x00080061
	SOPClassesInStudy              Tag = 0x00080062
	ConversionType                 Tag = 0x00080064
	Manufacturer                   Tag = 0x00080070
	InstitutionName                Tag = 0x00080080
	ReferringPhysicianName         Tag = 0x00080090
	TimezoneOffsetFromUTC          Tag = 0x00080201
	StationName                    Tag = 0x00081010
	StudyDescription               Tag = 0x00081030
	SeriesDescription              Tag = 0x0008103E
	InstitutionalDepartmentName    Tag = 0x00081040
	ReferencedStudySequence        Tag = 0x00081110
	ReferencedSOPClassUID          Tag = 0x00081150
	ReferencedSOPInstanceUID       Tag = 0x00081155
	TransactionUID                 Tag = 0x00081195
	FailureReason                  Tag = 0x00081197
	FailedSOPSequence              Tag = 0x00081198
	ReferencedSOPSequence          Tag = 0x00081199
	PatientName                    Tag = 0x00100010
	PatientID                      Tag = 0x00100020
	IssuerOfPatientID              Tag = 0x00100021
	PatientBirthDate               Tag = 0x00100030
	PatientSex                     Tag = 0x00100040
	PatientAge                     Tag = 0x00101010
	BodyPartExamined               Tag = 0x00180015
	StudyInstanceUID               Tag = 0x0020000D
	SeriesInstanceUID              Tag = 0x0020000E
	StudyID                        Tag = 0x00200010
	SeriesNumber                   Tag = 0x00200011
	InstanceNumber                 Tag = 0x00200013
	NumberOfStudyRelatedSeries     Tag = 0x00201206
	NumberOfStudyRelatedInstances  Tag = 0x00201208
	NumberOfSeriesRelatedInstances Tag = 0x00201209
	SamplesPerPixel                Tag = 0x00280002
	PhotometricInterpretation      Tag = 0x00280004
	NumberOfFrames                 Tag = 0x00280008
	Rows                           Tag = 0x00280010
	Columns                        Tag = 0x00280011
	BitsAllocated                  Tag = 0x00280100
	BitsStored                     Tag = 0x00280101
	HighBit                        Tag = 0x00280102
	PixelRepresentation            Tag = 0x00280103
	RequestAttributesSequence      Tag = 0x00400275
	ContentSequence                Tag = 0x0040A730
	EncapsulatedDocument           Tag = 0x00420011
	PixelData                      Tag = 0x7FE00010
	DataSetTrailingPadding         Tag = 0xFFFCFFFC
)

// The tags that hold sequences together (PS3.5 §7.5).
const (
	itemTag              Tag = 0xFFFEE000
	itemDelimiter        Tag = 0xFFFEE00D
	sequenceDelimiter    Tag = 0xFFFEE0DD
	delimiterGroup           = 0xFFFE
	retiredKeywordPrefix     = "RETIRED_"
)

// NewTag joins a group and an element number.
func NewTag(group, element uint16) Tag { return Tag(group)<<16 | Tag(element) }

// Group is the upper half of the tag.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element is the lower half of the tag.
func (t Tag) Element() uint16 { return uint16(t) }

// Private reports whether the tag belongs to a manufacturer: its group is odd (PS3.5 §7.8).
func (t Tag) Private() bool { return t.Group()%2 == 1 }

// String writes the tag as the standard does: "(0008,0018)".
func (t Tag) String() string { return fmt.Sprintf("(%04X,%04X)", t.Group(), t.Element()) }

// Keyword returns the keyword of PS3.6 for tag, such as "StudyInstanceUID", or "" when the dictionary knows none.
func Keyword(tag Tag) string {
	info, err := dicomtag.Find(dicomtag.Tag{Group: tag.Group(), Element: tag.Element()})
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(info.Name, retiredKeywordPrefix)
}

// FindTag looks a tag up by its keyword.
func FindTag(keyword string) (Tag, bool) {
	info, err := dicomtag.FindByName(keyword)
	if err != nil {
		info, err = dicomtag.FindByName(retiredKeywordPrefix + keyword)
	}
	return NewTag(info.Tag.Group, info.Tag.Element), err == nil
}
