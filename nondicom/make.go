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

// origin is what an object is made of, as the old system knows it.
type origin struct {
	key    string
	number string // what Instance Number it gets
}

// origin numbers reports by their keys where those are numbers: that keeps their
// order, and the number of one does not depend on others.
func (r Record) origin() origin {
	if r.Number > 0 && !isInstanceNumber(r.StudyKey) {
		return origin{r.StudyKey, strconv.Itoa(r.Number)}
	}
	return origin{r.StudyKey, instanceNumber(r.StudyKey)}
}

// origin numbers attachments in the order in which they were made, where that is
// known: an amended version stands behind the one it amends.
func (a Attachment) origin() origin {
	if a.Number > 0 {
		return origin{a.Key, strconv.Itoa(a.Number)}
	}
	return origin{a.Key, instanceNumber(a.Key)}
}

// newObject begins an object: its UIDs, derived from the study, the key in the
// old system and the content, and the attributes that all objects have.
func newObject(sopClass, syntax string, series seriesKind, id Identity, from origin, digest string) (*Object, *attributes) {
	o := &Object{
		SOPClass:       sopClass,
		SOPInstance:    uid.Derive("pacsbridge", series.name, id.StudyUID, from.key, digest),
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
	a.text(tag.InstanceNumber, from.number)
	return o, a
}

// instanceNumber is the key where that is a number an IS can hold (PS3.5 §6.2),
// else a number derived from it.
func instanceNumber(key string) string {
	if isInstanceNumber(key) {
		return strings.TrimLeft(key, "+0")
	}
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, key) // a hash does not fail
	return strconv.FormatUint(uint64(sum.Sum32()%999999+1), 10)
}

func isInstanceNumber(key string) bool {
	n, err := strconv.ParseInt(key, 10, 32)
	return err == nil && n > 0
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
