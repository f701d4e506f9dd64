package nondicom_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
)

// objectOf makes an object of a content that can seek, as a spool's can.
func objectOf(t *testing.T, id nondicom.Identity, content []byte) *nondicom.Object {
	t.Helper()
	object, err := nondicom.ObjectOfAttachment(id, letter, bytes.NewReader(content), int64(len(content)), digest(content))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func headerOf(t *testing.T, object *nondicom.Object, data []byte) *dataset.Dataset {
	t.Helper()
	header, err := dataset.ReadHeader(bytes.NewReader(data), object.TransferSyntax, dataset.Tag(0x7FE00010), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return header
}

const cda = `<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="CDA.xsl"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="2.16.840.1.113883.19.4" extension="c266"/><code code="18748-4" codeSystem="2.16.840.1.113883.6.1" displayName="Diagnostic imaging report"/>
<title>放射报告</title><effectiveTime value="20260131"/><recordTarget/><component/></ClinicalDocument>`

const asciiSTL = "solid bone\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid bone\n"

func binarySTL() []byte {
	b := make([]byte, 84+50*2)
	copy(b, "solid made by a modeller that lies")
	binary.LittleEndian.PutUint32(b[80:], 2)
	return b
}

func TestDocumentsAreEncapsulatedByTheirContent(t *testing.T) {
	for name, c := range map[string]struct{ content, class, mime string }{
		"CDA":        {cda, "1.2.840.10008.5.1.4.1.1.104.2", "text/XML"},
		"ASCII STL":  {asciiSTL, "1.2.840.10008.5.1.4.1.1.104.3", "model/stl"},
		"binary STL": {string(binarySTL()), "1.2.840.10008.5.1.4.1.1.104.3", "model/stl"},
		"OBJ":        {"# bone\nmtllib bone.mtl\no bone\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "1.2.840.10008.5.1.4.1.1.104.4", "model/obj"},
		"MTL":        {"# bone\nnewmtl white\nKa 1 1 1\nKd 1 1 1\nillum 2\n", "1.2.840.10008.5.1.4.1.1.104.5", "model/mtl"},
	} {
		for who, id := range identities {
			t.Run(name+", "+who, func(t *testing.T) {
				content := []byte(c.content)
				object := objectOf(t, id, content)
				path, data := part10(t, object)
				if object.SOPClass != c.class {
					t.Errorf("class %s", object.SOPClass)
				}
				header := headerOf(t, object, data)
				if got := header.String(dataset.Tag(0x00420012)); got != c.mime {
					t.Errorf("media type %q", got)
				}
				startsWith(t, documentOf(t, path), content)
				if name != "OBJ" && name != "MTL" { // dciodvfy of 2022 does not know them
					valid(t, path)
				}
				mustTool(t, "dcmdump", path)
				if name == "CDA" {
					if got := header.String(dataset.Tag(0x0040E001)); got != "2.16.840.1.113883.19.4^c266" {
						t.Errorf("HL7 identifier %q", got)
					}
				}
			})
		}
	}
}

// pictures are one of each form, with the samples that must come back.
func pictures(t *testing.T) map[string]picture {
	t.Helper()
	gray := image.NewGray(image.Rect(0, 0, 5, 3))
	gray16 := image.NewGray16(image.Rect(0, 0, 5, 3))
	rgb := image.NewRGBA(image.Rect(0, 0, 5, 3))
	glass := image.NewNRGBA(image.Rect(0, 0, 5, 3))
	palette := image.NewPaletted(image.Rect(0, 0, 5, 3), color.Palette{color.Black, color.White, color.RGBA{200, 10, 20, 255}})
	for i := range 15 {
		x, y := i%5, i/5
		gray.SetGray(x, y, color.Gray{byte(i * 17)})
		gray16.SetGray16(x, y, color.Gray16{uint16(i * 4369)})
		rgb.SetRGBA(x, y, color.RGBA{byte(i * 3), byte(i * 5), byte(i * 7), 255})
		glass.SetNRGBA(x, y, color.NRGBA{byte(i * 3), byte(i * 5), byte(i * 7), byte(i * 17)})
		palette.SetColorIndex(x, y, byte(i%3))
	}
	encode := func(how func(io.Writer, image.Image) error, i image.Image) []byte {
		var b bytes.Buffer
		if err := how(&b, i); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	asTIFF := func(w io.Writer, i image.Image) error {
		return tiff.Encode(w, i, &tiff.Options{Compression: tiff.Deflate})
	}
	moving := &gif.GIF{Image: []*image.Paletted{palette, palette, palette}, Delay: []int{10, 20, 30}}
	var animation bytes.Buffer
	if err := gif.EncodeAll(&animation, moving); err != nil {
		t.Fatal(err)
	}
	one := []image.Image{gray}
	return map[string]picture{
		"gray PNG":       {encode(png.Encode, gray), "OB", one},
		"16 bit PNG":     {encode(png.Encode, gray16), "OW", []image.Image{gray16}},
		"coloured PNG":   {encode(png.Encode, rgb), "OB", []image.Image{rgb}},
		"palette PNG":    {encode(png.Encode, palette), "OB", []image.Image{palette}},
		"BMP":            {encode(bmp.Encode, rgb), "OB", []image.Image{rgb}},
		"GIF":            {encode(func(w io.Writer, i image.Image) error { return gif.Encode(w, i, nil) }, palette), "OB", []image.Image{palette}},
		"moving GIF":     {animation.Bytes(), "OB", []image.Image{palette, palette, palette}},
		"TIFF":           {encode(asTIFF, gray), "OB", one},
		"TIFF of pages":  {joinTIFF(t, encode(asTIFF, gray), encode(asTIFF, gray)), "OB", []image.Image{gray, gray}},
		"TIFF of 16 bit": {joinTIFF(t, encode(asTIFF, gray16), encode(asTIFF, gray16)), "OW", []image.Image{gray16, gray16}},
		"TIFF of both":   {joinTIFF(t, encode(asTIFF, rgb), encode(asTIFF, gray)), "OB", []image.Image{rgb, rgbOf(gray)}},
		"glass PNG":      {encode(png.Encode, glass), "OB", nil},
	}
}

type picture struct {
	file   []byte
	vr     string
	frames []image.Image
}

func rgbOf(i image.Image) image.Image {
	out := image.NewRGBA(i.Bounds())
	for y := range i.Bounds().Dy() {
		for x := range i.Bounds().Dx() {
			out.Set(x, y, i.At(x, y))
		}
	}
	return out
}

// joinTIFF makes one file of two by moving the second's offsets.
func joinTIFF(t *testing.T, one, two []byte) []byte {
	t.Helper()
	if len(one)%2 == 1 {
		one = append(one, 0)
	}
	le, shift := binary.LittleEndian, uint32(len(one))
	out := append(bytes.Clone(one), two...)
	first := le.Uint32(one[4:])
	le.PutUint32(out[first+2+12*uint32(le.Uint16(one[first:])):], shift+le.Uint32(two[4:]))
	at := shift + le.Uint32(two[4:])
	for n := range uint32(le.Uint16(out[at:])) {
		entry := out[at+2+12*n:]
		kind, count := le.Uint16(entry[2:]), le.Uint32(entry[4:])
		isOffset := le.Uint16(entry) == 273 // strips
		if isOffset || count*map[uint16]uint32{1: 1, 2: 1, 3: 2, 4: 4, 5: 8}[kind] > 4 {
			le.PutUint32(entry[8:], le.Uint32(entry[8:])+shift)
		}
	}
	return out
}

func TestPicturesKeepEveryPixel(t *testing.T) {
	for name, p := range pictures(t) {
		t.Run(name, func(t *testing.T) {
			for _, id := range identities {
				object := objectOf(t, id, p.file)
				path, data := part10(t, object)
				if object.TransferSyntax != uid.ExplicitLE {
					t.Errorf("%+v", object)
				}
				valid(t, path)
				mustTool(t, "dcmj2pnm", path, filepath.Join(t.TempDir(), "out.pnm"))
				if p.frames == nil {
					continue
				}
				want := samples(p.frames, p.vr == "OW")
				startsWith(t, pixelsOf(t, path), want)
				if n, _ := headerOf(t, object, data).Int(dataset.Tag(0x00280008)); n != len(p.frames) && !(n == 0 && len(p.frames) == 1) {
					t.Errorf("%d frames", n)
				}
			}
		})
	}
}

// samples are the pixels as DICOM has them.
func samples(frames []image.Image, deep bool) (out []byte) {
	for _, frame := range frames {
		for i := range 15 {
			r, g, b, _ := frame.At(i%5, i/5).RGBA()
			_, isGray := frame.(*image.Gray)
			switch {
			case deep:
				out = append(out, byte(r), byte(r>>8))
			case isGray:
				out = append(out, byte(r>>8))
			default:
				out = append(out, byte(r>>8), byte(g>>8), byte(b>>8))
			}
		}
	}
	return out
}

func TestJPEGsOfOtherProcessesAreCarriedAsTheyAre(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range gray.Pix {
		gray.Pix[i] = byte(i)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, gray); err != nil {
		t.Fatal(err)
	}
	plain, _ := part10(t, objectOf(t, identities["record"], file.Bytes()))
	for option, syntax := range map[string]string{"+e1": "1.2.840.10008.1.2.4.70", "+el": "1.2.840.10008.1.2.4.57", "+ee": "1.2.840.10008.1.2.4.51"} {
		t.Run(option, func(t *testing.T) {
			coded := filepath.Join(t.TempDir(), "coded.dcm")
			args := []string{option, plain, coded}
			if option == "+el" {
				args = append([]string{"+sv", "4"}, args...)
			}
			mustTool(t, "dcmcjpeg", args...)
			content := pixelsOf(t, coded)
			content = content[:bytes.LastIndex(content, []byte("\xFF\xD9"))+2] // without padding
			object := objectOf(t, identities["record"], content)
			if object.TransferSyntax != syntax || object.SOPClass != uid.SecondaryCapture {
				t.Errorf("%+v", object)
			}
			path, _ := part10(t, object)
			valid(t, path)
			startsWith(t, pixelsOf(t, path), content)
			out := filepath.Join(t.TempDir(), "out.dcm")
			mustTool(t, "dcmdjpeg", path, out)
			decoded, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if option != "+ee" && !bytes.Contains(decoded, gray.Pix) {
				t.Error("the pixels are others")
			}
		})
	}
}

func TestTextsBecomeReports(t *testing.T) {
	for name, c := range map[string]struct{ raw, want, charset string }{
		"ASCII":          {"No finding.\n", "No finding.\n", ""},
		"UTF-8":          {"胸部CT平扫：未见异常。", "胸部CT平扫：未见异常。", ""},
		"UTF-8 with BOM": {"\xEF\xBB\xBFГрудная клетка", "Грудная клетка", ""},
		"UTF-16":         {"\xFF\xFEN\x00o\x00 \x00\xfc\x00", "No ü", ""},
		"GBK":            {"\xd0\xd8\xb2\xbfCT\xc6\xbd\xc9\xa8\xa3\xba\xce\xb4\xbc\xfb\xd2\xec\xb3\xa3\xa1\xa3", "胸部CT平扫：未见异常。", "GB18030"},
		"Latin-1":        {"Kein pathologischer Befund, Gr\xf6\xdfe unver\xe4ndert, M\xfcller", "Kein pathologischer Befund, Größe unverändert, Müller", "windows-1252"},
	} {
		for who, id := range identities {
			t.Run(name+", "+who, func(t *testing.T) {
				object := objectOf(t, id, []byte(c.raw))
				path, data := part10(t, object)
				if object.SOPClass != uid.BasicTextSR {
					t.Errorf("%+v", object)
				}
				valid(t, path)
				out := mustTool(t, "dsrdump", "+Pl", "+U8", path)
				if !strings.Contains(out, strings.TrimSpace(c.want)) || strings.Contains(out, "GB18030") != (c.charset == "GB18030") || strings.Contains(out, "windows-1252") != (c.charset == "windows-1252") {
					t.Error(out)
				}
				set, err := dataset.Decode(data, uid.ExplicitLE)
				if err != nil {
					t.Fatal(err)
				}
				items := set.Sequence(dataset.Tag(0x0040A730))
				if got := items[len(items)-1].Text(dataset.Tag(0x0040A160)); got != c.want {
					t.Errorf("%q", got)
				}
			})
		}
	}
}

func TestWhatTheStandardHasNoObjectForIsOnlyArchived(t *testing.T) {
	cut := readVideo(t, "end.mp4")
	for name, content := range map[string][]byte{
		"profile 244":   readVideo(t, "high444.mp4"),
		"fragments":     readVideo(t, "fragmented.mp4"),
		`"mp4v"`:        readVideo(t, "part2.mp4"),
		"MPEG-1":        readVideo(t, "mpeg1.mpg"),
		"cut short":     cut[:len(cut)-20],
		"text/html":     []byte("<!DOCTYPE html><html><body>No finding.</body></html>"),
		"text/rtf":      []byte(`{\rtf1\ansi No finding.}`),
		"ClinicalDoc":   []byte(`<?xml version="1.0"?><report><x:ClinicalDocument/></report>`),
		"has no id":     []byte(`<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>x</title></ClinicalDocument>`),
		"16 bits a":     deepColours(t),
		"differ in siz": joinTIFF(t, tiffOf(t, 3), tiffOf(t, 4)),
		"cannot be rea": []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0DIHDR"),
		"progressive":   {0xFF, 0xD8, 0xFF, 0xC2, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0},
	} {
		_, err := nondicom.ObjectOfAttachment(identities["record"], letter, bytes.NewReader(content), int64(len(content)), digest(content))
		var unsupported *nondicom.UnsupportedError
		if !errors.As(err, &unsupported) || unsupported.Temporary() || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "only be archived") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// longGIF moves through so many pictures, each as long as a GIF can say.
func longGIF(t *testing.T, pictures int) []byte {
	t.Helper()
	one := image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.White, color.Black})
	moving := &gif.GIF{Image: slices.Repeat([]*image.Paletted{one}, pictures), Delay: slices.Repeat([]int{0xFFFF}, pictures)}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, moving); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTimesOfMorePicturesThanALengthCanSayAreRefused(t *testing.T) {
	const fitting = 1 + (0xFFFE-1)/len(`\655350`) // the first time is 0, of one character
	part10(t, objectOf(t, identities["record"], longGIF(t, fitting)))

	content := longGIF(t, fitting+1)
	_, err := nondicom.ObjectOfAttachment(identities["record"], letter, bytes.NewReader(content), int64(len(content)), digest(content))
	var unsupported *nondicom.UnsupportedError
	if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "(0018,1065)") || !strings.Contains(err.Error(), "longer than DICOM can carry") {
		t.Errorf("%v", err)
	}
}

func deepColours(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA64(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tiffOf(t *testing.T, width int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, image.NewGray(image.Rect(0, 0, width, 2)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzNoContentIsTooOdd(f *testing.F) {
	for _, name := range []string{"end.mp4", "hevc.mp4", "program.mpg", "elementary.m2v", "fragmented.mp4"} {
		content, err := os.ReadFile(filepath.Join("testdata", "video", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, text := range []string{cda, asciiSTL, "II*\x00\x08\x00\x00\x00\x01\x00", "GIF89a\x01\x00\x01\x00", "BM", "\x89PNG\r\n\x1a\n", "\xFF\xD8\xFF\xC3", "%PDF-1.4", "v 0 0 0\nv 0 0 0\nv 0 0 0\n"} {
		f.Add([]byte(text))
	}
	f.Add(binarySTL())
	f.Fuzz(func(t *testing.T, content []byte) {
		object, err := nondicom.ObjectOfAttachment(identities["record"], letter, bytes.NewReader(content), int64(len(content)), digest(content))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if _, err := object.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if n, err := dataset.Check(&b, object.TransferSyntax); err != nil || n != object.Size {
			t.Errorf("the data set is not whole: %d of %d, %v", n, object.Size, err)
		}
	})
}
