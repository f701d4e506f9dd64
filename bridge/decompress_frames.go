package bridge

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"pacsbridge/dimse/dataset"
)

// keepFrameCount makes the number of frames what it was where a program took away, or
// added, that there is one: gdcmconv does, and the image is the same to it. Classes of
// multi-frame images demand the attribute, others do not know it (PS3.3 §C.7.6.6). What
// is no DICOM file to its end is left as it is, for the comparison to tell.
func keepFrameCount(in, out string) error {
	before, err := headOfFile(in)
	if err != nil {
		return err
	}
	after, err := headOfFile(out)
	if err != nil {
		return nil
	}
	was, there := before.Lookup(dataset.NumberOfFrames)
	is, still := after.Lookup(dataset.NumberOfFrames)
	if there == still || there && !isOne(was) || still && !isOne(is) {
		return nil
	}
	err = patchFile(out, dataset.Change{Tag: dataset.NumberOfFrames, Set: was})
	if malformed := (*dataset.MalformedError)(nil); errors.As(err, &malformed) {
		return nil
	}
	return err
}

func isOne(e *dataset.Element) bool { return strings.TrimSpace(string(e.Value)) == "1" }

// headOfFile reads the attributes of a Part 10 file before its pixels.
func headOfFile(path string) (*dataset.Dataset, error) {
	f, data, meta, err := openPart10(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, _ := dataset.ReadHeader(data, meta.TransferSyntaxUID, dataset.PixelData, 0) // what is malformed is told by the fingerprint
	return head, nil
}

// patchFile changes attributes of a Part 10 file.
func patchFile(path string, changes ...dataset.Change) error {
	file, data, meta, err := openPart10(path)
	if err != nil {
		return err
	}
	defer file.Close()
	f, err := os.OpenFile(path+".patched", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := dataset.WritePart10(f, meta, strings.NewReader("")); err != nil {
		return fmt.Errorf("patch %s: %w", path, err)
	}
	if _, err := dataset.Patch(f, data, meta.TransferSyntaxUID, changes); err != nil {
		return err
	}
	return os.Rename(path+".patched", path)
}
