package dimsetest

import (
	"encoding/binary"
	"math/rand/v2"

	"pacsbridge/dimse/dataset"
)

// setPixels describes a square grayscale image (PS3.3 §C.7.6.3) and sets its
// samples.
func setPixels(d *dataset.Dataset, bits uint16, rows int, samples []byte) {
	describePixels(d, bits, rows)
	vr := dataset.OW
	if bits <= 8 {
		vr = dataset.OB
	}
	d.Set(dataset.Element{Tag: dataset.PixelData, VR: vr, Value: samples})
}

func describePixels(d *dataset.Dataset, bits uint16, rows int) {
	allocated := uint16(16)
	if bits <= 8 {
		allocated = 8
	}
	set(d, "PhotometricInterpretation", "MONOCHROME2")
	for _, a := range []struct {
		tag   dataset.Tag
		value uint16
	}{
		{dataset.SamplesPerPixel, 1}, {dataset.Rows, uint16(rows)}, {dataset.Columns, uint16(rows)},
		{dataset.BitsAllocated, allocated}, {dataset.BitsStored, bits},
		{dataset.HighBit, bits - 1}, {dataset.PixelRepresentation, 0},
	} {
		d.SetUint16(a.tag, a.value)
	}
}

// pixels draws a disc on a slope, with noise, little endian.
func pixels(random *rand.Rand, bits uint16, rows int) []byte {
	limit := 1<<bits - 1
	var samples []byte
	for y := range rows {
		for x := range rows {
			dx, dy := 2*x-rows, 2*y-rows
			value := (x + y) * limit / (4 * rows)
			if dx*dx+dy*dy < rows*rows/2 {
				value += limit / 3
			}
			value += random.IntN(1 + limit/16)
			if bits <= 8 {
				samples = append(samples, byte(value))
			} else {
				samples = binary.LittleEndian.AppendUint16(samples, uint16(value))
			}
		}
	}
	return append(samples, make([]byte, len(samples)%2)...)
}
