package dataset_test

import (
	"bytes"
	"errors"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// A sequence of a million empty items, of eight bytes each, is sound, and is walked over like any other; what would hold
// an item for each of them refuses it.
func TestAMillionEmptyItemsCostTheirBytes(t *testing.T) {
	const header = "\x08\x00\x10\x11SQ\x00\x00\xff\xff\xff\xff"
	items := bytes.Repeat([]byte("\xfe\xff\x00\xe0\x00\x00\x00\x00"), 1<<20)
	data := append(append([]byte(header), items...), "\xfe\xff\xdd\xe0\x00\x00\x00\x00"...)
	dimsetest.Bounded(t, len(data), func() {
		if n, err := dataset.Check(bytes.NewReader(data), explicitLE); err != nil || n != int64(len(data)) {
			t.Errorf("%d bytes: %v", n, err)
		}
	})
	part := len(header) + 8<<16
	identifier := append(data[:part:part], "\xfe\xff\xdd\xe0\x00\x00\x00\x00"...)
	dimsetest.Bounded(t, len(identifier), func() {
		if _, err := dataset.Decode(identifier, explicitLE); !errors.Is(err, dataset.ErrTooLarge) {
			t.Errorf("an item is held for each of them: %v", err)
		}
	})
	dimsetest.Bounded(t, len(data), func() {
		head, err := dataset.ReadHeader(bytes.NewReader(data), explicitLE, dataset.PixelData, 0)
		if len(head.Sequence(0x00081110)) > 0 || err != nil && !errors.Is(err, dataset.ErrTooLarge) {
			t.Errorf("%d items kept: %v", len(head.Sequence(0x00081110)), err)
		}
	})
}
