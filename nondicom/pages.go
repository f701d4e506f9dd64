package nondicom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/draw"
	"image/gif"
	"io"

	"golang.org/x/image/tiff"
)

// maxPages bounds the pages of a file.
const maxPages = 4096

// maxPaged bounds a file of several pages, which is read as a whole.
const maxPaged = 512 << 20

// readPaged reads a file whose pages are found from its middle.
func readPaged(kind string, s source) ([]byte, error) {
	if err := s.check(kind); err != nil {
		return nil, err
	}
	if s.size > maxPaged {
		return nil, &UnsupportedError{Kind: kind, Why: "it is longer than 512 MiB; it can only be archived"}
	}
	return io.ReadAll(&exactReader{from: s.content, left: s.size})
}

// captureOfGIF makes a Secondary Capture of a picture, or of one that moves:
// each frame as it is to be seen, with its time.
func captureOfGIF(id Identity, a Attachment, s source) (*Object, error) {
	const kind = "image/gif"
	raw, err := readPaged(kind, s)
	if err != nil {
		return nil, err
	}
	config, err := gif.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, badPicture(kind, err)
	}
	// Each frame begins with an image descriptor: there are not more of them.
	if err := fitting(kind, config.Width, config.Height, max(1, bytes.Count(raw, []byte{0, 0x2C}))); err != nil {
		return nil, err
	}
	moving, err := gif.DecodeAll(bytes.NewReader(raw))
	if err != nil {
		return nil, badPicture(kind, err)
	}
	c := &capture{kind: kind}
	if len(moving.Image) > 1 {
		for _, delay := range moving.Delay {
			c.delays = append(c.delays, delay*10) // they are in hundredths of a second
		}
	}
	c.frames = shown(moving, image.Rect(0, 0, config.Width, config.Height))
	return c.object(id, a, s)
}

// shown are the frames as a viewer shows them: each is drawn over what the one
// before it left (GIF89a §23).
func shown(moving *gif.GIF, bounds image.Rectangle) []image.Image {
	if len(moving.Image) == 1 && moving.Image[0].Bounds() == bounds {
		return []image.Image{moving.Image[0]}
	}
	canvas := image.NewNRGBA(bounds)
	var frames []image.Image
	for i, part := range moving.Image {
		before := *canvas
		before.Pix = bytes.Clone(canvas.Pix)
		draw.Draw(canvas, part.Bounds(), part, part.Bounds().Min, draw.Over)
		frame := *canvas
		frame.Pix = bytes.Clone(canvas.Pix)
		frames = append(frames, &frame)
		switch moving.Disposal[i] {
		case gif.DisposalBackground:
			draw.Draw(canvas, part.Bounds(), image.Transparent, image.Point{}, draw.Src)
		case gif.DisposalPrevious:
			canvas = &before
		}
	}
	return frames
}

// captureOfTIFF makes a Secondary Capture of a picture, or of several pages.
func captureOfTIFF(id Identity, a Attachment, s source) (*Object, error) {
	const kind = "image/tiff"
	raw, err := readPaged(kind, s)
	if err != nil {
		return nil, err
	}
	offsets, order, err := tiffPages(raw)
	if err != nil {
		return nil, err
	}
	c := &capture{kind: kind}
	pixels := 0
	for _, offset := range offsets {
		order.PutUint32(raw[4:], offset) // the decoder knows the first page only
		config, err := tiff.DecodeConfig(bytes.NewReader(raw))
		if err != nil {
			return nil, badPicture(kind, err)
		}
		pixels += config.Width * config.Height
		if err := errors.Join(fitting(kind, config.Width, config.Height, 1), fitting(kind, 1, 1, pixels)); err != nil {
			return nil, &UnsupportedError{Kind: kind, Why: "it is larger than can be carried; it can only be archived"}
		}
		page, err := tiff.Decode(bytes.NewReader(raw))
		if err != nil {
			return nil, badPicture(kind, err)
		}
		c.frames = append(c.frames, page)
	}
	return c.object(id, a, s)
}

// tiffPages finds the directories of a TIFF's pages (TIFF 6.0 §2).
func tiffPages(raw []byte) (offsets []uint32, order binary.ByteOrder, err error) {
	bad := &UnsupportedError{Kind: "image/tiff", Why: "its pages cannot be found; it can only be archived"}
	switch {
	case len(raw) < 8:
		return nil, nil, bad
	case bytes.HasPrefix(raw, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(raw, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return nil, nil, bad
	}
	for next := order.Uint32(raw[4:]); next != 0; {
		if int64(next)+2 > int64(len(raw)) || len(offsets) >= maxPages {
			return nil, nil, bad
		}
		offsets = append(offsets, next)
		end := int64(next) + 2 + 12*int64(order.Uint16(raw[next:]))
		if end+4 > int64(len(raw)) {
			return nil, nil, bad
		}
		next = order.Uint32(raw[end:])
	}
	if len(offsets) == 0 {
		return nil, nil, bad
	}
	return offsets, order, nil
}
