package bridge

import (
	"errors"
	"fmt"
	"io"
	"os"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// openDataset opens the data set of a Part 10 file.
func openDataset(path string) (io.ReadCloser, error) {
	f, data, _, err := openPart10(path)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{data, f}, nil
}

// mayChange are the attributes that decompressing changes by its nature: how colours are
// written, and the tables of where compressed frames begin (PS3.5 §8.2, PS3.3 §C.7.6.3).
var mayChange = map[string]bool{
	tagName(dataset.PhotometricInterpretation): true,
	tagName(planarConfiguration):               true,
	tagName(extendedOffsetTable):               true,
	tagName(extendedOffsetTableLengths):        true,
}

// mayCome are attributes that a decompressed image has more: that its pixels were once
// compressed with a loss. What is known of that never goes (PS3.3 §C.7.6.1.1.5).
var mayCome = map[string]bool{
	tagName(lossyImageCompression):       true,
	tagName(lossyImageCompressionRatio):  true,
	tagName(lossyImageCompressionMethod): true,
}

const (
	planarConfiguration         = dataset.Tag(0x00280006)
	lossyImageCompression       = dataset.Tag(0x00282110)
	lossyImageCompressionRatio  = dataset.Tag(0x00282112)
	lossyImageCompressionMethod = dataset.Tag(0x00282114)
	extendedOffsetTable         = dataset.Tag(0x7FE00001)
	extendedOffsetTableLengths  = dataset.Tag(0x7FE00002)
)

// compareFiles compares an instance with what a program made of it, and tells why that is
// not the same instance without compression; in is ours, out is not. made is the transfer
// syntax of out, sent how it differs.
func compareFiles(in, out string) (made string, sent *Sent, why string, err error) {
	before, err := fingerprintOf(in)
	if err != nil {
		return "", nil, "", err
	}
	after, err := fingerprintOf(out)
	if err != nil {
		return "", nil, "it wrote no DICOM file: " + withoutPath(err), nil
	}
	differences := compareFingerprints(before, after)
	switch made = after.TransferSyntax; {
	case before.malformed != nil:
		return "", nil, "the object itself is malformed: " + before.malformed.Error(), nil
	case made != uid.ExplicitLE && made != uid.ImplicitLE:
		return "", nil, "it wrote " + uid.Name(made), nil
	case after.malformed != nil:
		return "", nil, "it wrote a malformed data set: " + after.malformed.Error(), nil
	case (before.pixels == "") != (after.pixels == ""):
		return "", nil, "it wrote another pixel data element", nil
	}
	head, err := headOfFile(out)
	if err != nil {
		return "", nil, "", err
	}
	if why := wrongLength(after, head); why != "" {
		return "", nil, why, nil
	}
	if other := differences.beyond(mayChange, mayCome); other != "" {
		return "", nil, "it changed more than the pixel data: " + other, nil
	}
	return made, sentAs(differences, after), "", nil
}

// fingerprintOf reads a Part 10 file to its end.
func fingerprintOf(path string) (*fingerprint, error) {
	f, data, meta, err := openPart10(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return takeFingerprint(data, meta.TransferSyntaxUID, 0)
}

// wrongLength tells where pixel data are not as long as the attributes of the image
// demand (PS3.5 §8.1.1); even where one byte must be added.
func wrongLength(f *fingerprint, head *dataset.Dataset) string {
	if f.pixels == "" {
		return ""
	}
	product := int64(1)
	for _, tag := range []dataset.Tag{dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.NumberOfFrames} {
		n, known := head.Int(tag)
		if !known && tag == dataset.NumberOfFrames {
			n = 1
		}
		product *= int64(n)
	}
	switch head.String(dataset.PhotometricInterpretation) {
	case "YBR_FULL_422", "YBR_PARTIAL_422":
		product = product * 2 / 3 // two samples a pixel instead of three
	case "YBR_PARTIAL_420":
		product /= 2
	}
	want := (product + 15) / 16 * 2
	if product <= 0 || f.pixelBytes != want {
		return fmt.Sprintf("it wrote %d bytes of pixel data, and the attributes demand %d", f.pixelBytes, want)
	}
	return ""
}

// withoutPath is an error without the names of our files.
func withoutPath(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
