package nondicom

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
	"golang.org/x/image/bmp"

	"pacsbridge/dimse/uid"
)

// The Multi-frame Secondary Captures (PS3.3 §A.8.3 and on).
const (
	multiFrameGrayByte  = "1.2.840.10008.5.1.4.1.1.7.2"
	multiFrameGrayWord  = "1.2.840.10008.5.1.4.1.1.7.3"
	multiFrameTrueColor = "1.2.840.10008.5.1.4.1.1.7.4"
)

// maxPixels bounds a picture, which is decoded as a whole: 64 Mi pixels are
// 192 MB in colours.
const maxPixels = 64 << 20

// capture is a picture, or several of the same size, about to become a
// Secondary Capture with its pixels as they are.
type capture struct {
	kind   string
	frames []image.Image
	delays []int // of the frames in milliseconds; nil: they are pages
	// blended tells that see-through parts were put before white, as they are
	// shown on paper and on the screens of archives.
	blended bool
}

func captureOfPNG(id Identity, a Attachment, s source) (*Object, error) {
	return captureOf("image/png", png.DecodeConfig, png.Decode, id, a, s)
}

func captureOfBMP(id Identity, a Attachment, s source) (*Object, error) {
	return captureOf("image/bmp", bmp.DecodeConfig, bmp.Decode, id, a, s)
}

// captureOf makes a Secondary Capture of a picture in one of the forms that
// keep every pixel (PS3.3 §A.8.1). What comes back from it are the pixels, not
// the file.
func captureOf(kind string, config func(io.Reader) (image.Config, error), decode func(io.Reader) (image.Image, error), id Identity, a Attachment, s source) (*Object, error) {
	if err := s.check(kind); err != nil {
		return nil, err
	}
	var read bytes.Buffer
	c, err := config(io.TeeReader(s.content, &read))
	if err != nil {
		return nil, badPicture(kind, err)
	}
	if err := fitting(kind, c.Width, c.Height, 1); err != nil {
		return nil, err
	}
	picture, err := decode(bufio.NewReader(io.MultiReader(&read, s.content)))
	if err != nil {
		return nil, badPicture(kind, err)
	}
	return (&capture{kind: kind, frames: []image.Image{picture}}).object(id, a, s)
}

// badPicture is an *UnsupportedError, except when reading itself failed.
func badPicture(kind string, err error) error {
	var e *UnsupportedError
	switch {
	case errors.As(err, &e):
		return err
	case isDecoding(err):
		return &UnsupportedError{Kind: kind, Why: "its picture cannot be read (" + err.Error() + "); it can only be archived"}
	}
	return fmt.Errorf("read %s: %w", kind, err)
}

// isDecoding tells a decoder's own error from one of the reader's.
func isDecoding(err error) bool {
	text := err.Error()
	for _, decoder := range []string{"png: ", "gif: ", "bmp: ", "tiff: ", "zlib: ", "lzw: ", "ccitt: "} {
		if strings.HasPrefix(text, decoder) {
			return true
		}
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// fitting refuses what Rows and Columns cannot say, or memory cannot hold.
func fitting(kind string, width, height, frames int) error {
	switch {
	case width <= 0 || height <= 0:
		return &UnsupportedError{Kind: kind, Why: "it has no pixels"}
	case width > 0xFFFF || height > 0xFFFF:
		return &UnsupportedError{Kind: kind, Why: "it is larger than DICOM can say (65535 pixels); it can only be archived"}
	case int64(width)*int64(height)*int64(frames) > maxPixels:
		return &UnsupportedError{Kind: kind, Why: fmt.Sprintf("it has more than %d million pixels; it can only be archived", maxPixels>>20)}
	}
	return nil
}

// depth is how the pixels of a picture are written.
type depth int

const (
	gray8 depth = iota
	gray16
	colour8
)

// object makes the Secondary Capture.
func (c *capture) object(id Identity, a Attachment, s source) (*Object, error) {
	depth, err := c.depth()
	if err != nil {
		return nil, err
	}
	size := c.frames[0].Bounds().Size()
	pixels := c.pixels(depth)
	object, set := newPicture(c.class(depth), uid.ExplicitLE, id, a, s.digest)
	if c.blended {
		set.text(tag.DerivationDescription, "Transparent parts are shown before white")
	}
	depth.addTo(set)
	set.number(tag.Rows, size.Y)
	set.number(tag.Columns, size.X)
	set.text(tag.LossyImageCompression, "00")
	if len(c.frames) > 1 {
		c.addFrames(set, depth)
	}
	opening := longElement(tag.PixelData, map[bool]string{true: "OW", false: "OB"}[depth == gray16], uint32(len(pixels)+len(pixels)%2))
	return object.around(set, tag.PixelData, opening, source{content: bytes.NewReader(pixels), size: int64(len(pixels))}, nil)
}

func (c *capture) class(d depth) string {
	if len(c.frames) == 1 {
		return uid.SecondaryCapture
	}
	return map[depth]string{gray8: multiFrameGrayByte, gray16: multiFrameGrayWord, colour8: multiFrameTrueColor}[d]
}

// addFrames adds the Multi-frame Module (PS3.3 §C.7.6.6) and the SC Multi-frame
// Modules (PS3.3 §C.8.6.3, C.8.6.4): pages are counted, pictures that move have
// their times.
func (c *capture) addFrames(set *attributes, d depth) {
	if c.delays == nil {
		addPages(set, len(c.frames))
	} else {
		addTimes(set, c.delays)
	}
	if d != colour8 {
		set.text(tag.PresentationLUTShape, "IDENTITY")
		set.text(tag.RescaleIntercept, "0")
		set.text(tag.RescaleSlope, "1")
		set.text(tag.RescaleType, "US")
	}
}

func addPages(set *attributes, n int) {
	var numbers []string
	for i := range n {
		numbers = append(numbers, strconv.Itoa(i+1))
	}
	addVector(set, tag.PageNumberVector, numbers)
}

// addTimes adds how long after the one before it each frame is shown.
func addTimes(set *attributes, delays []int) {
	times := []string{"0"}
	for _, delay := range delays[:len(delays)-1] {
		times = append(times, strconv.Itoa(delay))
	}
	addVector(set, tag.FrameTimeVector, times)
}

func addVector(set *attributes, pointer tag.Tag, values []string) {
	set.text(tag.NumberOfFrames, strconv.Itoa(len(values)))
	set.text(tag.BurnedInAnnotation, "YES") // nobody looked
	set.pointer(tag.FrameIncrementPointer, pointer)
	set.add(pointer, values)
}

// addTo adds the Image Pixel Module (PS3.3 §C.7.6.3) but for its size.
func (d depth) addTo(set *attributes) {
	bits, samples, photometric := 8, 1, "MONOCHROME2"
	switch d {
	case gray16:
		bits = 16
	case colour8:
		samples, photometric = 3, "RGB"
		set.number(tag.PlanarConfiguration, 0)
	}
	set.number(tag.SamplesPerPixel, samples)
	set.text(tag.PhotometricInterpretation, photometric)
	set.number(tag.BitsAllocated, bits)
	set.number(tag.BitsStored, bits)
	set.number(tag.HighBit, bits-1)
	set.number(tag.PixelRepresentation, 0)
}

// depth is the least that keeps all frames as they are.
func (c *capture) depth() (depth, error) {
	least := gray8
	for _, frame := range c.frames {
		if frame.Bounds().Size() != c.frames[0].Bounds().Size() {
			return 0, &UnsupportedError{Kind: c.kind, Why: "its pages differ in size; it can only be archived"}
		}
		d, err := c.depthOf(frame)
		if err != nil {
			return 0, err
		}
		if d == gray16 && least == colour8 || d == colour8 && least == gray16 {
			return 0, &UnsupportedError{Kind: c.kind, Why: "its pages differ in depth; it can only be archived"}
		}
		least = max(least, d)
	}
	return least, nil
}

func (c *capture) depthOf(frame image.Image) (depth, error) {
	switch f := frame.(type) {
	case *image.Gray:
		return gray8, nil
	case *image.Gray16:
		return gray16, nil
	case *image.RGBA64, *image.NRGBA64:
		return 0, &UnsupportedError{Kind: c.kind, Why: "it has 16 bits a colour; it can only be archived"}
	case *image.CMYK:
		return 0, &UnsupportedError{Kind: c.kind, Why: "its colours are those of print; it can only be archived"}
	case *image.Paletted:
		for _, entry := range f.Palette {
			if r, g, b, a := entry.RGBA(); r != g || g != b || a != 0xFFFF {
				return colour8, nil
			}
		}
		return gray8, nil
	}
	return colour8, nil
}
