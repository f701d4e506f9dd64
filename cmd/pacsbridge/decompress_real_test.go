package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// compress has a tool of DCMTK's compress an object of OLD, as a study of its own, and
// returns what the others make of it: the digest of the data set without compression.
func (l *lab) compress(seed int64, modality, tool, undo string, options ...string) (o dimsetest.Object, digest string) {
	l.t.Helper()
	plain := dimsetest.Study(seed, dimsetest.StudyOptions{Modality: modality, Instances: 1, Rows: 32, Date: "20260107"})[0]
	path := filepath.Join(l.dir, fmt.Sprint("compress-", seed))
	f, err := os.Create(path)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := plain.WriteFile(f); err != nil {
		l.t.Fatal(err)
	}
	f.Close()
	dimsetest.DCMTK(l.t, tool, append(options, path, path+".packed")...).Need(l.t)
	o, _ = readObject(l.t, path+".packed")
	o.StudyUID, o.SeriesUID = plain.StudyUID, plain.SeriesUID
	if err := l.old.Add(o); err != nil {
		l.t.Fatal(err)
	}
	dimsetest.DCMTK(l.t, undo, path+".packed", path+".plain").Need(l.t)
	_, digest = readObject(l.t, path+".plain")
	return o, digest
}

// readObject reads a Part 10 file, and the digest of its data set.
func readObject(t *testing.T, path string) (dimsetest.Object, string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	meta, data, err := dataset.ReadPart10(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(data)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return dimsetest.Object{SOPClass: meta.SOPClassUID, SOPInstance: meta.SOPInstanceUID, TransferSyntax: meta.TransferSyntaxUID,
		Data: b, Size: int64(len(b))}, hex.EncodeToString(sum[:])
}

// uncompressedOnly starts an Orthanc as NEW that takes nothing compressed.
func (l *lab) uncompressedOnly(takes ...string) *dimsetest.Orthanc {
	l.t.Helper()
	new := dimsetest.StartOrthanc(l.t, dimsetest.OrthancOptions{AE: "NEWPACS", Settings: map[string]any{"AcceptedTransferSyntaxes": takes}})
	l.edit(l.new.Peer().Address, new.Address)
	return new
}

func TestARealNewThatTakesNothingCompressedGetsWhatARealProgramMakesOfIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, `new.decompress: "dcmdjpeg {in} {out}"`)
	lossless, losslessDigest := l.compress(101, "CT", "dcmcjpeg", "dcmdjpeg")
	lossy, lossyDigest := l.compress(102, "US", "dcmcjpeg", "dcmdjpeg", "+eb")
	new := l.uncompressedOnly(uid.ExplicitLE, uid.ImplicitLE)
	l.run(exitOK, january...)
	arrived := held(t, new)
	for o, digest := range map[string]string{lossless.SOPInstance: losslessDigest, lossy.SOPInstance: lossyDigest} {
		if arrived[o].sha256 != digest || arrived[o].syntax != uid.ExplicitLE {
			t.Errorf("%s arrived as %s in %s, want %s", o, arrived[o].sha256, arrived[o].syntax, digest)
		}
	}
	_, data, err := dataset.ReadPart10(bytes.NewReader(arrived[lossy.SOPInstance].file))
	if err != nil {
		t.Fatal(err)
	}
	head, err := dataset.ReadHeader(data, uid.ExplicitLE, dataset.PixelData, 0)
	if err != nil || head.String(dataset.Tag(0x00282110)) != "01" {
		t.Errorf("an image that was compressed with a loss does not say so: %v", err)
	}
	for _, o := range []dimsetest.Object{lossless, lossy} {
		certificate, _ := l.run(exitOK, "certificate", o.StudyUID)
		if !strings.Contains(certificate, `"by": "dcmdjpeg"`) {
			t.Errorf("the certificate does not name the program:\n%s", certificate)
		}
	}
	out, _ := l.run(exitOK, "verify", "--from", "2026-01-01", "--to", "2026-01-31", "--deep", "--json")
	if !strings.Contains(out, `"differ":0`) {
		t.Errorf("verify --deep: %s", out)
	}
}

func TestAProgramThatDoesNotKnowTheSyntaxIsNamedWithWhatItSays(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, `new.decompress: "dcmdjpeg {in} {out}"`)
	packed, _ := l.compress(103, "CT", "dcmcrle", "dcmdrle")
	new := l.uncompressedOnly(uid.ImplicitLE)
	l.run(exitIncomplete, january...)
	report, _ := l.run(exitOK, "report", "--format", "jsonl")
	if _, there := held(t, new)[packed.SOPInstance]; there || !strings.Contains(report, "dcmdjpeg did not decompress it: exit status 1: F: ") {
		t.Errorf("there: %v\n%s", there, report)
	}
	l.edit("dcmdjpeg", "dcmdrle")
	l.run(exitOK, january...)
	if o := held(t, new)[packed.SOPInstance]; o.syntax != uid.ImplicitLE {
		t.Errorf("arrived in %q", o.syntax)
	}
	l.run(exitOK, "verify", "--from", "2026-01-01", "--to", "2026-01-31", "--deep")
}

func TestAProgramThatIsNotThereIsMissedBeforeTheRun(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1, `new.decompress: "no-such-program {in} {out}"`)
	l.mishap(exitFailed, january, "no-such-program", "hint: see new.decompress")
	out, _ := l.run(exitFailed, "check")
	if !strings.Contains(out, "FAIL  program that decompresses") {
		t.Errorf("check says:\n%s", out)
	}
}

// compressedFiles adds the compressed files that come with pydicom to OLD, each as a
// study of its own of January, and returns their objects by the names of the files.
func (l *lab) compressedFiles() map[string]dimsetest.Object {
	l.t.Helper()
	added := map[string]dimsetest.Object{}
	for i, path := range dimsetest.PydicomFiles(l.t) {
		o, _ := readObject(l.t, path)
		syntax, _ := uid.SyntaxOf(o.TransferSyntax)
		if !syntax.Encapsulated {
			continue
		}
		o.StudyUID, o.SeriesUID, o.SOPInstance = fmt.Sprint("2.25.71", i), fmt.Sprint("2.25.72", i), fmt.Sprint("2.25.73", i)
		var changes []dataset.Change
		for tag, value := range map[dataset.Tag]string{dataset.StudyInstanceUID: o.StudyUID, dataset.SeriesInstanceUID: o.SeriesUID,
			dataset.SOPInstanceUID: o.SOPInstance, dataset.StudyDate: "20260107"} {
			changes = append(changes, dataset.Change{Tag: tag, Set: &dataset.Element{Value: []byte(value)}})
		}
		var own bytes.Buffer
		if _, err := dataset.Patch(&own, bytes.NewReader(o.Data), o.TransferSyntax, changes); err != nil {
			l.t.Logf("%s is left out: %v", path, err)
			continue
		}
		o.Data, o.Size = own.Bytes(), int64(own.Len())
		if err := l.old.Add(o); err != nil {
			l.t.Fatal(err)
		}
		added[filepath.Base(path)] = o
	}
	return added
}

// TestGdcmconvDecompressesRealFiles runs the program that docs/operating.md recommends
// on what compressors of many makers wrote. What it would harm is not sent.
func TestGdcmconvDecompressesRealFiles(t *testing.T) {
	t.Parallel()
	dimsetest.Program(t, "gdcmconv", "libgdcm-tools")
	l := newLab(t, 0, `new.decompress: "gdcmconv --raw {in} {out}"`)
	files := l.compressedFiles()
	refused := map[string]string{
		"693_J2KI.dcm": "it changed more than the pixel data: changed BitsStored, HighBit",
		"JPEG2000-embedded-sequence-delimiter.dcm": "exit status 1",
		"SC_rgb_rle_16bit_2frame.dcm":              "exit status 1",
		"SC_rgb_rle_2frame.dcm":                    "it changed more than the pixel data: changed SOPClassUID",
		"SC_rgb_rle_32bit_2frame.dcm":              "exit status 1",
		"UN_sequence.dcm":                          "exit status 1",
		// All their attributes are UN, which Orthanc does not read.
		"rtdose_rle.dcm": "answered C000H", "rtdose_rle_1frame.dcm": "answered C000H",
	}
	new := l.uncompressedOnly(uid.ExplicitLE, uid.ImplicitLE)
	l.run(exitIncomplete, january...)
	arrived := held(t, new)
	report, _ := l.run(exitOK, "report", "--format", "jsonl")
	for name, o := range files {
		_, there := arrived[o.SOPInstance]
		if why := refused[name]; there == (why != "") || !strings.Contains(lineWith(report, `"uid":"`+o.SOPInstance+`"`), why) {
			t.Errorf("%s is at NEW: %v; want it refused for %q; the report:\n%s", name, there, why, lineWith(report, o.SOPInstance))
		}
	}
	if len(arrived) < 20 {
		t.Errorf("%d of %d arrived", len(arrived), len(files))
	}
	plain := slices.DeleteFunc(dimsetest.PydicomFiles(t), func(path string) bool { return filepath.Base(path) != "MR_small.dcm" })
	want := pixelsOf(t, plain[0])
	for _, name := range []string{"MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"} {
		file := filepath.Join(l.dir, name)
		if err := os.WriteFile(file, arrived[files[name].SOPInstance].file, 0o600); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(pixelsOf(t, file), want) {
			t.Errorf("%s arrived with other pixels", name)
		}
	}
}

// lineWith is the first line of a text in which something stands.
func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// pixelsOf are the pixel data of a file that is not compressed.
func pixelsOf(t *testing.T, path string) []byte {
	t.Helper()
	o, _ := readObject(t, path)
	d, err := dataset.Decode(o.Data, o.TransferSyntax)
	if err != nil {
		t.Fatal(err)
	}
	pixels, there := d.Lookup(dataset.PixelData)
	if !there {
		t.Fatalf("%s has no pixels", path)
	}
	return pixels.Value
}
