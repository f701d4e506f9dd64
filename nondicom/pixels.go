package nondicom

import (
	"image"
	"image/color"
)

// pixels writes all frames, row by row.
func (c *capture) pixels(d depth) []byte {
	size := c.frames[0].Bounds().Size()
	out := make([]byte, 0, len(c.frames)*size.X*size.Y*map[depth]int{gray8: 1, gray16: 2, colour8: 3}[d])
	for _, frame := range c.frames {
		bounds := frame.Bounds()
		for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
			out = c.appendRow(out, frame, y, d)
		}
	}
	return out
}

// appendRow writes one row, without going through an interface for each pixel
// of the usual kinds of pictures.
func (c *capture) appendRow(out []byte, frame image.Image, y int, d depth) []byte {
	bounds := frame.Bounds()
	switch f := frame.(type) {
	case *image.Gray:
		if d == gray8 {
			return append(out, f.Pix[f.PixOffset(bounds.Min.X, y):][:bounds.Dx()]...)
		}
	case *image.Paletted:
		var entries [256][]byte // as they are needed
		for _, index := range f.Pix[f.PixOffset(bounds.Min.X, y):][:bounds.Dx()] {
			if entries[index] == nil {
				entry := color.Color(color.Black) // of a file that lies about its palette
				if int(index) < len(f.Palette) {
					entry = f.Palette[index]
				}
				entries[index] = c.appendPixel(nil, entry, d)
			}
			out = append(out, entries[index]...)
		}
		return out
	case *image.NRGBA:
		for p := f.Pix[f.PixOffset(bounds.Min.X, y):][:4*bounds.Dx()]; len(p) > 0 && d == colour8; p = p[4:] {
			out = c.appendColour(out, p[0], p[1], p[2], p[3])
		}
		return out
	case *image.RGBA:
		row := f.Pix[f.PixOffset(bounds.Min.X, y):][:4*bounds.Dx()]
		for x := bounds.Min.X; x < bounds.Max.X && d == colour8; x++ {
			if row[3] == 0xFF {
				out = append(out, row[0], row[1], row[2])
			} else {
				out = c.appendPixel(out, f.RGBAAt(x, y), d)
			}
			row = row[4:]
		}
		return out
	}
	for x := bounds.Min.X; x < bounds.Max.X; x++ {
		out = c.appendPixel(out, frame.At(x, y), d)
	}
	return out
}

func (c *capture) appendPixel(out []byte, pixel color.Color, d depth) []byte {
	switch d {
	case gray8:
		r, _, _, _ := pixel.RGBA()
		return append(out, byte(r>>8))
	case gray16:
		r, _, _, _ := pixel.RGBA()
		return append(out, byte(r), byte(r>>8))
	}
	n := color.NRGBAModel.Convert(pixel).(color.NRGBA)
	return c.appendColour(out, n.R, n.G, n.B, n.A)
}

// appendColour puts what is see-through before white.
func (c *capture) appendColour(out []byte, r, g, b, alpha byte) []byte {
	if alpha == 0xFF {
		return append(out, r, g, b)
	}
	c.blended = true
	white := func(v byte) byte { return byte((uint32(v)*uint32(alpha) + 255*(255-uint32(alpha)) + 127) / 255) }
	return append(out, white(r), white(g), white(b))
}
