package nondicom

import (
	"io"
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// videoPhotographic is Video Photographic Image Storage (PS3.3 §A.32.7).
const videoPhotographic = "1.2.840.10008.5.1.4.1.1.77.1.4.1"

// The transfer syntaxes of videos (PS3.5 §A.4.5 to A.4.7).
const (
	mpeg2MainLevel  = "1.2.840.10008.1.2.4.100" // MPEG2 Main Profile / Main Level
	mpeg2HighLevel  = "1.2.840.10008.1.2.4.101" // MPEG2 Main Profile / High Level
	h264Level41     = "1.2.840.10008.1.2.4.102" // MPEG-4 AVC/H.264 High Profile / Level 4.1
	h264Level42     = "1.2.840.10008.1.2.4.104" // MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video
	hevcMain        = "1.2.840.10008.1.2.4.107" // HEVC/H.265 Main Profile / Level 5.1
	hevcMain10      = "1.2.840.10008.1.2.4.108" // HEVC/H.265 Main 10 Profile / Level 5.1
	compressedMPEG2 = "ISO_13818_2"
	compressedH264  = "ISO_14496_10"
	compressedHEVC  = "ISO_23008_2"
)

// unknownRegion is the part of the body that a film shows: nobody says it.
var unknownRegion = code{"UNKNOWN", privateScheme, "Not known to the old system"}

// video is what a container says of the film in it.
type video struct {
	kind, syntax, method string
	columns, rows        int
	frames               int
	frameTime            float64 // in milliseconds
	bits                 int     // of a sample
	channels             int     // of the sound; 0: it is silent
}

// object makes a Video Photographic Image of a film. The file itself is the
// one fragment behind an empty offset table, bit for bit (PS3.5 §8.2.5 to
// 8.2.8); where its length is odd a zero byte follows it.
func (v video) object(id Identity, a Attachment, s source) (*Object, error) {
	if err := fitting(v.kind, v.columns, v.rows, 1); err != nil {
		return nil, err
	}
	if v.frames <= 0 || v.frameTime <= 0 {
		return nil, &UnsupportedError{Kind: v.kind, Why: "it does not say how many pictures it has in which time; it can only be archived"}
	}
	object, set := newObject(videoPhotographic, v.syntax, videoSeries, id, a.origin(), s.digest)
	set.text(tag.Laterality, "")
	set.text(tag.PatientOrientation, "")
	contentDate(set, a.CreatedAt)
	set.text(tag.ImageType, `ORIGINAL\PRIMARY`)
	set.text(tag.ImageComments, cutText(titleOf(a), longText))
	set.sequence(tag.AcquisitionContextSequence)
	set.sequence(tag.AnatomicRegionSequence, unknownRegion.item()) // of what is not a specimen it must be said (PS3.3 §C.8.12.1)
	// A time without a day is no DT (PS3.5 §6.2).
	if day := dicomDate(a.CreatedAt); day != "" {
		set.text(tag.AcquisitionDateTime, day+dicomTime(timeOf(a.CreatedAt)))
	}
	v.addPixels(set, s.size)
	v.addTimes(set)
	opening, closing := fragment(s.size)
	return object.around(set, tag.PixelData, opening, s, closing)
}

// addPixels adds the Image Pixel Module as PS3.5 §8.2.5 to 8.2.8 want it.
func (v video) addPixels(set *attributes, size int64) {
	allocated := 8
	if v.bits > 8 {
		allocated = 16
	}
	set.number(tag.SamplesPerPixel, 3)
	set.text(tag.PhotometricInterpretation, "YBR_PARTIAL_420")
	set.number(tag.PlanarConfiguration, 0)
	set.number(tag.Rows, v.rows)
	set.number(tag.Columns, v.columns)
	set.number(tag.BitsAllocated, allocated)
	set.number(tag.BitsStored, v.bits)
	set.number(tag.HighBit, v.bits-1)
	set.number(tag.PixelRepresentation, 0)
	set.text(tag.LossyImageCompression, "01")
	ratio := float64(v.rows) * float64(v.columns) * 3 * float64(v.frames) / float64(size)
	set.text(tag.LossyImageCompressionRatio, strconv.FormatFloat(ratio, 'f', 4, 64))
	set.text(tag.LossyImageCompressionMethod, v.method)
}

// addTimes adds the Multi-frame and the Cine Module (PS3.3 §C.7.6.6, C.7.6.5).
func (v video) addTimes(set *attributes) {
	rate := strconv.Itoa(int(1000/v.frameTime + 0.5))
	set.text(tag.NumberOfFrames, strconv.Itoa(v.frames))
	set.pointer(tag.FrameIncrementPointer, tag.FrameTime)
	set.text(tag.FrameTime, strconv.FormatFloat(v.frameTime, 'f', 6, 64))
	set.text(tag.CineRate, rate)
	set.text(tag.RecommendedDisplayFrameRate, rate)
	if v.channels > 0 {
		var sound attributes
		sound.text(tag.ChannelIdentificationCode, "1")
		sound.text(tag.ChannelMode, map[bool]string{true: "MONO", false: "STEREO"}[v.channels == 1])
		// Where the sound comes from nobody says; a camera's is the room's.
		sound.sequence(tag.ChannelSourceSequence, code{"109112", "DCM", "Ambient room environment"}.item())
		set.sequence(tag.MultiplexedAudioChannelsDescriptionCodeSequence, sound)
	}
}

// seekable is a content that is looked into before it is sent.
func (s source) seekable(kind string) (io.ReadSeeker, error) {
	seeker, ok := s.content.(io.ReadSeeker)
	if !ok {
		return nil, &UnsupportedError{Kind: kind, Why: "it must be a file to be looked into, and comes as a stream"}
	}
	return seeker, nil
}
