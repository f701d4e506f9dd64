package main

import (
	"encoding/binary"
	"io"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// wrap puts the pixels of an object into one fragment (PS3.5 §A.4) of a transfer
// syntax. Nobody could show them, and nobody has to: whoever carries a data
// set does not look into its pixels.
func wrap(o dimsetest.Object, transferSyntax string) (dimsetest.Object, error) {
	d, err := dataset.Decode(o.Data, o.TransferSyntax)
	if err != nil {
		return o, err
	}
	pixels, _ := d.Lookup(dataset.PixelData)
	samples := pixels.Value
	d.Delete(dataset.PixelData)
	head, err := d.AppendTo(nil, o.TransferSyntax)
	if err != nil {
		return o, err
	}
	head = append(head, 0xE0, 0x7F, 0x10, 0x00, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
	head = append(head, 0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0) // no table of offsets
	head = append(head, 0xFE, 0xFF, 0x00, 0xE0)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(samples)))
	head = append(head, samples...)
	o.Data = append(head, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)
	o.Size, o.TransferSyntax = int64(len(o.Data)), transferSyntax
	return o, nil
}

// read is an object with another data set.
func read(o dimsetest.Object, transferSyntax string, data io.Reader) (dimsetest.Object, error) {
	var err error
	o.Data, err = io.ReadAll(data)
	o.Size, o.TransferSyntax = int64(len(o.Data)), transferSyntax
	return o, err
}
