package nondicom_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/nondicom"
)

// videos are small films; that they are what they say was checked by the
// program that made them.
var videos = map[string]struct {
	syntax, frameTime string
	frames            int
	sound             bool
}{
	"end.mp4":        {"1.2.840.10008.1.2.4.102", "40", 10, false},
	"sound.mp4":      {"1.2.840.10008.1.2.4.102", "33.366", 10, true},
	"hevc.mp4":       {"1.2.840.10008.1.2.4.107", "40", 5, false},
	"hevc10.mp4":     {"1.2.840.10008.1.2.4.108", "40", 5, false},
	"program.mpg":    {"1.2.840.10008.1.2.4.100", "40", 10, false},
	"elementary.m2v": {"1.2.840.10008.1.2.4.100", "40", 10, false},
}

func readVideo(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "video", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestVideosComeBackAsTheyWere(t *testing.T) {
	for name, c := range videos {
		for _, odd := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, odd %t", name, odd), func(t *testing.T) {
				content := readVideo(t, name)
				if len(content)%2 == 1 != odd {
					content = append(content, pad(name)...)
				}
				object := objectOf(t, identities["record"], content)
				path, data := part10(t, object)
				if object.SOPClass != "1.2.840.10008.5.1.4.1.1.77.1.4.1" || object.TransferSyntax != c.syntax {
					t.Errorf("%+v", object)
				}
				startsWith(t, pixelsOf(t, path), content)
				header := headerOf(t, object, data)
				frames, _ := header.Int(dataset.Tag(0x00280008))
				rows, _ := header.Int(dataset.Tag(0x00280010))
				columns, _ := header.Int(dataset.Tag(0x00280011))
				if frames != c.frames || rows != 48 || columns != 64 || !strings.HasPrefix(header.String(dataset.Tag(0x00181063)), c.frameTime) || header.Has(dataset.Tag(0x003A0300)) != c.sound {
					t.Errorf("%d frames of %d × %d, %q ms", frames, columns, rows, header.String(dataset.Tag(0x00181063)))
				}
				if !strings.HasPrefix(name, "hevc") { // dciodvfy of 2022 does not know its transfer syntaxes
					valid(t, path)
				}
				mustTool(t, "dcmdump", path)
			})
		}
	}
}

// pad makes a file longer without changing what it says: an empty box that is
// one byte longer than must be, or a zero.
func pad(name string) []byte {
	if strings.HasSuffix(name, ".mp4") {
		return []byte{0, 0, 0, 9, 'f', 'r', 'e', 'e', 0}
	}
	return []byte{0}
}

// film is an MP4 of any length that nobody holds: its description stands
// behind an empty middle.
type film struct {
	head, tail []byte
	middle, at int64
}

func (f *film) size() int64 { return int64(len(f.head)) + f.middle + int64(len(f.tail)) }

func (f *film) Read(p []byte) (int, error) {
	if f.at >= f.size() {
		return 0, io.EOF
	}
	n, middle := 0, int64(len(f.head))
	switch end := middle + f.middle; {
	case f.at < middle:
		n = copy(p, f.head[f.at:])
	case f.at < end:
		n = int(min(int64(len(p)), end-f.at))
		clear(p[:n])
	default:
		n = copy(p, f.tail[f.at-end:])
	}
	f.at += int64(n)
	return n, nil
}

func (f *film) Seek(offset int64, whence int) (int64, error) {
	f.at = offset + map[int]int64{io.SeekStart: 0, io.SeekCurrent: f.at, io.SeekEnd: f.size()}[whence]
	return f.at, nil
}

func TestALongFilmIsNotHeld(t *testing.T) {
	content := readVideo(t, "end.mp4")
	at := bytes.Index(content, []byte("moov")) - 4
	const middle = 2 << 30
	f := &film{head: append(bytes.Clone(content[:at]), "\x00\x00\x00\x01free\x00\x00\x00\x00\x80\x00\x00\x10"...), tail: content[at:], middle: middle}
	object, err := nondicom.ObjectOfAttachment(identities["record"], letter, f, f.size(), strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n, err := io.Copy(io.Discard, object.Reader()); err != nil || n != object.Size || n < middle {
		t.Errorf("%d bytes of %d: %v", n, object.Size, err)
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<20 {
		t.Errorf("%d bytes were allocated", bytes)
	}
}

func TestAVideoIsDatedOnlyWhereItsDayIsKnown(t *testing.T) {
	content := readVideo(t, "end.mp4")
	for createdAt, want := range map[string]string{
		"2026-01-31T14:05:00": "20260131140500",
		"2026-01-31":          "20260131",
		"31.01.2026 14:05:00": "",
		"14:05:00":            "",
		"":                    "",
	} {
		a := nondicom.Attachment{Key: "1", CreatedAt: createdAt}
		object, err := nondicom.ObjectOfAttachment(identities["record"], a, bytes.NewReader(content), int64(len(content)), digest(content))
		if err != nil {
			t.Fatal(err)
		}
		_, data := part10(t, object)
		header, acquired := headerOf(t, object, data), dataset.Tag(0x0008002A)
		if got := header.String(acquired); got != want || header.Has(acquired) != (want != "") {
			t.Errorf("%q: AcquisitionDateTime is %q, want %q", createdAt, got, want)
		}
	}
}
