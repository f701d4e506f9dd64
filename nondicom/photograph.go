package nondicom

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"

	"pacsbridge/dimse/uid"
)

// PhotographOfJPEG makes a Secondary Capture of a photograph (PS3.3 §A.8.1) in
// JPEG Baseline, or Extended or Lossless where the file is that. The file itself is the one fragment behind an empty offset
// table (PS3.5 §A.4), bit for bit; where its length is odd a zero byte follows
// it, so that whoever takes it out cuts the fragment to the file's length (or,
// without knowing that, drops a zero behind the end marker FFD9).
// A JPEG of another process is an *UnsupportedError: the standard retired the
// progressive one, and its pixels are not altered to make it another.
func PhotographOfJPEG(id Identity, a Attachment, content io.Reader, size int64, digest string) (*Object, error) {
	return photographOfJPEG(id, a, source{content, size, digest})
}

func photographOfJPEG(id Identity, a Attachment, s source) (*Object, error) {
	if err := s.check(jpegKind); err != nil {
		return nil, err
	}
	var read bytes.Buffer // what the markers took, at most maxJPEGHeader
	frame, err := readJPEG(io.TeeReader(s.content, &read))
	if err != nil {
		return nil, err
	}
	s.content = io.MultiReader(&read, s.content)
	object, set := newPicture(uid.SecondaryCapture, frame.syntax, id, a, s.digest)
	frame.addTo(set, s.size)
	opening, closing := fragment(s.size)
	return object.around(set, tag.PixelData, opening, s, closing)
}

// newPicture begins a picture: what Secondary Captures say of an attachment beside their
// pixels.
func newPicture(sopClass, syntax string, id Identity, a Attachment, digest string) (*Object, *attributes) {
	object, set := newObject(sopClass, syntax, photoSeries, id, a.origin(), digest)
	set.text(tag.ConversionType, "DI") // PS3.3 §C.8.6.1: digital interface
	if dicomDate(a.CreatedAt) != "" {
		contentDate(set, a.CreatedAt)
	}
	set.text(tag.Laterality, "")
	set.text(tag.PatientOrientation, "")
	set.text(tag.ImageComments, cutText(titleOf(a), longText))
	return object, set
}

// addTo adds the Image Pixel Module (PS3.3 §C.7.6.3) and what is known of the
// compression (PS3.3 §C.7.6.1.1.5).
func (f jpegFrame) addTo(a *attributes, size int64) {
	a.number(tag.SamplesPerPixel, f.samples)
	a.text(tag.PhotometricInterpretation, f.photometric)
	if f.samples > 1 {
		a.number(tag.PlanarConfiguration, 0)
	}
	a.number(tag.Rows, f.rows)
	a.number(tag.Columns, f.columns)
	allocated := 8
	if f.bits > 8 {
		allocated = 16
	}
	a.number(tag.BitsAllocated, allocated)
	a.number(tag.BitsStored, f.bits)
	a.number(tag.HighBit, f.bits-1)
	a.number(tag.PixelRepresentation, 0)
	if f.lossless {
		a.text(tag.LossyImageCompression, "00")
		return
	}
	a.text(tag.LossyImageCompression, "01")
	ratio := float64(f.rows) * float64(f.columns) * float64(f.samples) / float64(size)
	a.text(tag.LossyImageCompressionRatio, strconv.FormatFloat(ratio, 'f', 4, 64))
	a.text(tag.LossyImageCompressionMethod, "ISO_10918_1")
}

// fragment is what stands around a picture in encapsulated pixel data: the
// element of undefined length, an empty offset table, the fragment's length;
// then the end of the sequence.
func fragment(size int64) (opening, closing []byte) {
	opening = longElement(tag.PixelData, "OB", tag.VLUndefinedLength)
	opening = append(opening, 0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0)
	n := uint32(size + size%2)
	opening = append(opening, 0xFE, 0xFF, 0x00, 0xE0, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	return opening, []byte{0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0}
}

// peek reads the first n bytes, or all there are, and returns a reader that
// begins with them again: the same one where it can seek.
func peek(from io.Reader, n int64) ([]byte, io.Reader, error) {
	head := make([]byte, n)
	read, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	if seeker, ok := from.(io.Seeker); ok {
		_, err := seeker.Seek(-int64(read), io.SeekCurrent)
		return head[:read], from, err
	}
	return head[:read], io.MultiReader(bytes.NewReader(head[:read]), from), nil
}
