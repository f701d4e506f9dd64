package nondicom

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"pacsbridge/dimse/uid"
)

// jpegOf joins segments, given as marker and content, behind a start marker
// and before a scan.
func jpegOf(segments ...string) string {
	var b strings.Builder
	b.WriteString("\xFF\xD8")
	for _, s := range segments {
		b.WriteString("\xFF" + s[:1])
		n := len(s) + 1
		b.Write([]byte{byte(n >> 8), byte(n)})
		b.WriteString(s[1:])
	}
	b.WriteString("\xFF\xDA\x00\x02 and the picture \xFF\xD9")
	return b.String()
}

// Segments of test pictures: 2 rows, 3 columns.
const (
	gray    = "\xC0\x08\x00\x02\x00\x03\x01\x01\x11\x00"
	full    = "\xC0\x08\x00\x02\x00\x03\x03\x01\x11\x00\x02\x11\x01\x03\x11\x01"
	halved  = "\xC0\x08\x00\x02\x00\x03\x03\x01\x21\x00\x02\x11\x01\x03\x11\x01"
	rgb     = "\xC0\x08\x00\x02\x00\x03\x03R\x11\x00G\x11\x01B\x11\x01"
	cmyk    = "\xC0\x08\x00\x02\x00\x03\x04\x01\x11\x00\x02\x11\x01\x03\x11\x01\x04\x11\x01"
	jfif    = "\xE0JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00"
	adobe   = "\xEEAdobe\x00\x64\x00\x00\x00\x00"
	comment = "\xFEby hand"
)

func TestJPEGMarkersSayHowThePictureIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		file        string
		samples     int
		photometric string
	}{
		"gray":                    {jpegOf(jfif, gray), 1, "MONOCHROME2"},
		"full chroma":             {jpegOf(jfif, comment, full), 3, "YBR_FULL"},
		"halved chroma":           {jpegOf(jfif, halved), 3, "YBR_FULL_422"},
		"no application marker":   {jpegOf(halved), 3, "YBR_FULL_422"},
		"Adobe RGB":               {jpegOf(adobe+"\x00", full), 3, "RGB"},
		"Adobe YCbCr":             {jpegOf(adobe+"\x01", full), 3, "YBR_FULL"},
		"JFIF before Adobe":       {jpegOf(jfif, adobe+"\x00", full), 3, "YBR_FULL"},
		"components called R G B": {jpegOf(rgb), 3, "RGB"},
		"fill bytes":              {strings.ReplaceAll(jpegOf(full), "\xFF\xC0", "\xFF\xFF\xFF\xC0"), 3, "YBR_FULL"},
	} {
		frame, err := readJPEG(iotest.OneByteReader(strings.NewReader(c.file)))
		want := jpegFrame{rows: 2, columns: 3, samples: c.samples, photometric: c.photometric, bits: 8, syntax: uid.JPEGBaseline}
		if err != nil || frame != want {
			t.Errorf("%s: %+v, %v", name, frame, err)
		}
	}
}

func TestJPEGsThatDICOMDoesNotHaveAreRefused(t *testing.T) {
	process := func(marker string) string { return jpegOf(jfif, marker+full[1:]) }
	for why, file := range map[string]string{
		"does not begin":       "GIF89a",
		"ends before":          jpegOf(jfif)[:9],
		"progressive":          process("\xC2"),
		"process SOF9":         process("\xC9"),
		"hierarchical":         process("\xDE"),
		"12 bits":              jpegOf("\xC0\x0C" + full[2:]),
		"4 colours":            jpegOf(cmyk),
		"how large":            jpegOf("\xC0\x08\x00\x00" + full[4:]),
		"header is cut":        jpegOf(full[:12]),
		"without a frame":      jpegOf(jfif),
		"two frames":           jpegOf(full, full),
		"no length":            "\xFF\xD8\xFF\xE0\x00\x01",
		"something else":       "\xFF\xD8 \xFF\xE0",
		"where none may be":    "\xFF\xD8\xFF\xD9",
		"ends before its pic":  "\xFF\xD8" + strings.Repeat("\xFF", 100),
		"ends before its pict": "\xFF\xD8" + strings.Repeat("\xFF\xFE\xFF\xFF"+strings.Repeat("x", 0xFFFD), 300),
	} {
		_, err := readJPEG(strings.NewReader(file))
		var unsupported *UnsupportedError
		if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %s", err, why)
		}
	}
}

func TestProcessesOfJPEGHaveTheirTransferSyntaxes(t *testing.T) {
	scan := func(predictor string) string { return "\xDA\x01\x01\x00" + predictor + "\x00\x00" }
	for name, c := range map[string]struct {
		file, syntax string
		bits         int
		lossless     bool
	}{
		"extended":            {jpegOf("\xC1" + gray[1:]), jpegExtended, 8, false},
		"extended of 12 bits": {jpegOf("\xC1\x0C" + gray[2:]), jpegExtended, 12, false},
		"lossless":            {jpegOf("\xC3\x10"+gray[2:], scan("\x01")), uid.JPEGLossless, 16, true},
		"lossless otherwise":  {jpegOf("\xC3\x0A"+gray[2:], scan("\x04")), jpegLosslessAny, 10, true},
	} {
		frame, err := readJPEG(strings.NewReader(c.file))
		if err != nil || frame.syntax != c.syntax || frame.bits != c.bits || frame.lossless != c.lossless {
			t.Errorf("%s: %+v, %v", name, frame, err)
		}
	}
}

func TestAReadThatFailsIsNotTheJPEGsFault(t *testing.T) {
	_, err := readJPEG(io.MultiReader(strings.NewReader("\xFF\xD8\xFF"), iotest.ErrReader(os.ErrClosed)))
	if !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// FuzzJPEGMarkers: whatever the standard library takes for a baseline JPEG of
// one or three colours has the size we read; nothing panics or reads on and on.
func FuzzJPEGMarkers(f *testing.F) {
	for _, file := range []string{jpegOf(jfif, gray), jpegOf(adobe+"\x00", full), jpegOf(comment, halved), jpegOf(cmyk)} {
		f.Add([]byte(file))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 5, 4)), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		frame, err := readJPEG(bytes.NewReader(file))
		if err != nil {
			return
		}
		if frame.rows < 1 || frame.columns < 1 || frame.rows > 0xFFFF || frame.columns > 0xFFFF || frame.photometric == "" {
			t.Errorf("%+v", frame)
		}
		if config, err := jpeg.DecodeConfig(bytes.NewReader(file)); err == nil && (config.Height != frame.rows || config.Width != frame.columns) {
			t.Errorf("%+v, but the standard library says %d × %d", frame, config.Width, config.Height)
		}
	})
}
