package nondicom

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"pacsbridge/dimse/uid"
)

// jpegFrame is what the markers of a JPEG say of its picture (ITU-T T.81 §B.2).
type jpegFrame struct {
	rows, columns int
	photometric   string // as DICOM says it (PS3.3 §C.7.6.3.1.2)
	samples       int
	bits          int    // of a sample
	syntax        string // the transfer syntax for its process
	lossless      bool
}

// maxJPEGHeader bounds what stands before the picture: previews, colour
// profiles, what the camera noted.
const maxJPEGHeader = 16 << 20

// Markers (ITU-T T.81 §B.1.1.3).
const (
	markerSOF0  = 0xC0 // baseline
	markerSOF1  = 0xC1 // extended sequential
	markerSOF3  = 0xC3 // lossless
	markerDHT   = 0xC4
	markerJPG   = 0xC8
	markerDAC   = 0xCC
	markerSOF15 = 0xCF
	markerRST0  = 0xD0
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerDHP   = 0xDE
	markerAPP0  = 0xE0
	markerAPP14 = 0xEE
	markerTEM   = 0x01
)

// jpegColour is what the application markers say of the colours.
type jpegColour struct {
	jfif      bool
	adobe     bool
	transform byte // of the Adobe marker: 0 none, 1 YCbCr, 2 YCCK
}

// readJPEG reads the markers up to the first scan. What a reader cannot decode
// as JPEG Baseline is an *UnsupportedError.
func readJPEG(from io.Reader) (jpegFrame, error) {
	r := bufio.NewReader(io.LimitReader(from, maxJPEGHeader))
	var frame jpegFrame
	var colour jpegColour
	if first, err := r.ReadByte(); err != nil || first != 0xFF {
		return frame, unsupportedJPEG("it does not begin as one", err)
	}
	if second, err := r.ReadByte(); err != nil || second != markerSOI {
		return frame, unsupportedJPEG("it does not begin as one", err)
	}
	var sof []byte
	var process byte
	for {
		marker, segment, err := nextSegment(r)
		if err != nil {
			return frame, err
		}
		switch {
		case marker == markerSOS && sof == nil:
			return frame, unsupportedJPEG("it has a picture without a frame header", nil)
		case marker == markerSOS:
			return frameOf(process, sof, segment, colour)
		case marker == markerDHP:
			return frame, unsupportedJPEG("it is hierarchical", nil)
		case isCarried(marker) && sof == nil:
			process, sof = marker, segment
		case isFrame(marker):
			return frame, unsupportedJPEG(fmt.Sprintf("the standard has no transfer syntax (any more) for a JPEG that is %s, and its pixels are not altered; it can only be archived", processName(marker)), nil)
		default:
			colour.read(marker, segment)
		}
	}
}

// nextSegment reads a marker and the segment behind it.
func nextSegment(r *bufio.Reader) (byte, []byte, error) {
	marker, err := nextMarker(r)
	if err != nil {
		return 0, nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return 0, nil, unsupportedJPEG("it ends before its picture", err)
	}
	n := int(length[0])<<8 | int(length[1])
	if n < 2 {
		return 0, nil, unsupportedJPEG("a segment has no length", nil)
	}
	segment := make([]byte, n-2) // 64 KiB at the most
	if _, err := io.ReadFull(r, segment); err != nil {
		return 0, nil, unsupportedJPEG("it ends before its picture", err)
	}
	return marker, segment, nil
}

// nextMarker reads the next marker that has a segment; any number of 0xFF may
// stand before a marker.
func nextMarker(r *bufio.Reader) (byte, error) {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, unsupportedJPEG("it ends before its picture", err)
		}
		if b != 0xFF {
			return 0, unsupportedJPEG("there is something else between its segments", nil)
		}
		for b == 0xFF {
			if b, err = r.ReadByte(); err != nil {
				return 0, unsupportedJPEG("it ends before its picture", err)
			}
		}
		switch {
		case b == 0 || b >= markerRST0 && b <= markerEOI:
			return 0, unsupportedJPEG("a marker stands where none may be", nil)
		case b != markerTEM:
			return b, nil
		}
	}
}

// isFrame tells whether a marker begins a frame: SOF0 to SOF15 without the
// three that mean something else.
func isFrame(marker byte) bool {
	return marker >= markerSOF0 && marker <= markerSOF15 && marker != markerDHT && marker != markerJPG && marker != markerDAC
}

// isCarried tells whether DICOM has a transfer syntax for the process that a
// frame is coded by. It had one for the progressive process, which was retired
// (PS3.5-2004 §A.4.1): hardly an archive can show it.
func isCarried(marker byte) bool {
	return marker == markerSOF0 || marker == markerSOF1 || marker == markerSOF3
}

func processName(marker byte) string {
	switch marker {
	case markerSOF0, markerSOF1, markerSOF3:
		return "one with two frames"
	case 0xC2:
		return "progressive"
	}
	return fmt.Sprintf("of process SOF%d", marker-markerSOF0)
}

func (c *jpegColour) read(marker byte, segment []byte) {
	switch {
	case marker == markerAPP0 && len(segment) >= 5 && string(segment[:5]) == "JFIF\x00":
		c.jfif = true
	case marker == markerAPP14 && len(segment) >= 12 && string(segment[:5]) == "Adobe":
		c.adobe, c.transform = true, segment[11]
	}
}

// frameOf reads a frame header (ITU-T T.81 §B.2.2).
func frameOf(process byte, sof, sos []byte, colour jpegColour) (jpegFrame, error) {
	if len(sof) < 6 || len(sof) < 6+3*int(sof[5]) {
		return jpegFrame{}, unsupportedJPEG("its frame header is cut short", nil)
	}
	frame := jpegFrame{
		rows:     int(sof[1])<<8 | int(sof[2]),
		columns:  int(sof[3])<<8 | int(sof[4]),
		samples:  int(sof[5]),
		bits:     int(sof[0]),
		syntax:   syntaxOfJPEG(process, sos),
		lossless: process == markerSOF3,
	}
	known := frame.bits == 8 || process == markerSOF1 && frame.bits == 12 || process == markerSOF3 && frame.bits > 8 && frame.bits <= 16
	switch {
	case !known:
		return jpegFrame{}, unsupportedJPEG(fmt.Sprintf("it has %d bits a sample", sof[0]), nil)
	case frame.rows == 0 || frame.columns == 0:
		return jpegFrame{}, unsupportedJPEG("it does not say how large it is", nil)
	case frame.samples != 1 && frame.samples != 3:
		return jpegFrame{}, unsupportedJPEG(fmt.Sprintf("it has %d colours", frame.samples), nil)
	}
	frame.photometric = colour.photometric(sof[6:], frame.samples)
	return frame, nil
}

// syntaxOfJPEG is the transfer syntax for a process (PS3.5 §A.4.1). That for
// lossless pictures depends on the predictor, which the scan header names
// (ITU-T T.81 §B.2.3).
func syntaxOfJPEG(process byte, sos []byte) string {
	switch process {
	case markerSOF1:
		return jpegExtended
	case markerSOF3:
		if len(sos) > 0 && len(sos) > 1+2*int(sos[0]) && sos[1+2*int(sos[0])] == 1 {
			return uid.JPEGLossless
		}
		return jpegLosslessAny
	}
	return uid.JPEGBaseline
}

// The transfer syntaxes of JPEG that are met seldom.
const (
	jpegExtended    = "1.2.840.10008.1.2.4.51" // Process 2 & 4
	jpegLosslessAny = "1.2.840.10008.1.2.4.57" // Process 14
)

// photometric goes by the same signs as the usual decoders do: JFIF is YCbCr,
// then the Adobe marker decides, then the names of the components. Any
// subsampling is YBR_FULL_422 (PS3.5 §8.2.1).
func (c jpegColour) photometric(components []byte, samples int) string {
	names := string([]byte{components[0], components[(samples-1)*3]})
	switch {
	case samples == 1:
		return "MONOCHROME2"
	case c.jfif:
	case c.adobe && c.transform == 0, !c.adobe && names == "RB":
		return "RGB"
	}
	for i := 3; i < 9; i += 3 {
		if components[i+1] != components[1] {
			return "YBR_FULL_422"
		}
	}
	return "YBR_FULL"
}

// unsupportedJPEG is an *UnsupportedError, except when reading itself failed.
func unsupportedJPEG(why string, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read JPEG: %w", err)
	}
	return &UnsupportedError{Kind: jpegKind, Why: why}
}
