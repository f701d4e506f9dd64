package nondicom

import (
	"hash/fnv"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"

	"pacsbridge/dimse/uid"
)

// manufacturer names who made an object (PS3.3 §C.7.5.1).
const manufacturer = "pacsbridge"

// unicode is the character set of all made objects (PS3.3 §C.12.1.1.2).
const unicode = "ISO_IR 192"

// makers say what is made of an attachment, by the media type of its content.
// A new kind of document is a line here.
var makers = map[string]func(Identity, Attachment, source) (*Object, error){
	pdfKind:      encapsulatePDF,
	cdaKind:      encapsulateCDA,
	stlKind:      encapsulateModel(stlKind),
	objKind:      encapsulateModel(objKind),
	mtlKind:      encapsulateModel(mtlKind),
	jpegKind:     photographOfJPEG,
	"image/png":  captureOfPNG,
	"image/bmp":  captureOfBMP,
	"image/gif":  captureOfGIF,
	"image/tiff": captureOfTIFF,
	"text/plain": reportOfText,
	mp4Kind:      videoOfMP4,
	mpegKind:     videoOfMPEG2,
}

// ObjectOfAttachment makes the object that suits the content, found out from
// its first bytes and never from its name: a PDF or a photograph, or an
// *UnsupportedError. Size and digest (SHA-256, hexadecimal) are those of the
// content, which is whole and checked; it is read when the object is, and is
// the caller's to close. A content that can seek is sought in: videos say what
// they are at their end, or in all of it.
func ObjectOfAttachment(id Identity, a Attachment, content io.Reader, size int64, digest string) (*Object, error) {
	if err := (source{size: size}).check("content"); err != nil {
		return nil, err
	}
	head, content, err := peek(content, min(size, KindLength))
	if err != nil {
		return nil, err
	}
	kind := kindOf(head, size)
	maker, found := makers[kind]
	if !found {
		return nil, &UnsupportedError{Kind: kind, Why: "the standard has no object for this kind of content; it can only be archived"}
	}
	return maker(id, a, source{content, size, digest})
}

// seriesKind is one of the series that made objects stand in.
type seriesKind struct {
	name        string // part of the series' UID
	number      string // (0020,0011)
	modality    string // (0008,0060)
	description string // (0008,103E)
}

// The series numbers are high, so that the series stand behind the images'.
var (
	recordSeries   = seriesKind{"record", "9901", "SR", "Study records"}
	documentSeries = seriesKind{"document", "9902", "DOC", "Documents"}
	photoSeries    = seriesKind{"photograph", "9903", "OT", "Photographs"}
	videoSeries    = seriesKind{"video", "9904", "XC", "Videos"}
	modelSeries    = seriesKind{"model", "9905", "M3D", "Models"}
	textSeries     = seriesKind{"text", "9906", "SR", "Texts"}
)

// newObject begins an object: its UIDs, derived from the study, the key in the
// old system and the content, and the attributes that all objects have.
func newObject(sopClass, syntax string, series seriesKind, id Identity, key, digest string) (*Object, *attributes) {
	o := &Object{
		SOPClass:       sopClass,
		SOPInstance:    uid.Derive("pacsbridge", series.name, id.StudyUID, key, digest),
		StudyUID:       id.StudyUID,
		SeriesUID:      uid.Derive("series", id.StudyUID, series.name),
		TransferSyntax: syntax,
	}
	a := &attributes{}
	a.text(tag.SpecificCharacterSet, unicode)
	a.text(tag.SOPClassUID, o.SOPClass)
	a.text(tag.SOPInstanceUID, o.SOPInstance)
	id.addTo(a)
	a.text(tag.Modality, series.modality)
	a.text(tag.SeriesInstanceUID, o.SeriesUID)
	a.text(tag.SeriesNumber, series.number)
	a.text(tag.SeriesDescription, series.description)
	a.text(tag.Manufacturer, manufacturer)
	a.text(tag.InstanceNumber, instanceNumber(key))
	return o, a
}

// instanceNumber is the key where that is a number an IS can hold (PS3.5 §6.2),
// else a number derived from it: the objects of a series are not known to each
// other.
func instanceNumber(key string) string {
	if n, err := strconv.ParseInt(key, 10, 32); err == nil && n > 0 {
		return strconv.FormatInt(n, 10)
	}
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, key) // a hash does not fail
	return strconv.FormatUint(uint64(sum.Sum32()%999999+1), 10)
}

// contentDate adds when the content was made, as the old system says.
func contentDate(a *attributes, createdAt string) {
	a.text(tag.ContentDate, dicomDate(createdAt))
	a.text(tag.ContentTime, dicomTime(timeOf(createdAt)))
}

// timeOf is the time of day of a point in time; empty when it is only a day.
func timeOf(createdAt string) string {
	_, clock := cutDay(strings.TrimSpace(createdAt))
	return clock
}

// titleOf is the attachment's title, or the name of its file.
func titleOf(a Attachment) string {
	if title := strings.TrimSpace(a.Title); title != "" {
		return title
	}
	name := path.Base(strings.ReplaceAll(a.Location, `\`, "/"))
	if _, file, found := strings.Cut(name, ":"); found {
		name = file
	}
	return name
}
