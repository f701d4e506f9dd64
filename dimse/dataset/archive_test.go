package dataset_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// need skips the test when something of another project is absent, and fails it where everything has to be there.
func need(tb testing.TB, present bool, what string) {
	tb.Helper()
	switch {
	case present:
	case os.Getenv("PACSBRIDGE_REQUIRE_PEERS") == "1":
		tb.Fatalf("%s is not here, and PACSBRIDGE_REQUIRE_PEERS=1", what)
	default:
		tb.Skipf("%s is not here", what)
	}
}

// tool finds a program.
func tool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	need(tb, err == nil, name)
	return path
}

// pydicomData is where Debian's python3-pydicom has its files.
const pydicomData = "/usr/lib/python3/dist-packages/pydicom/data"

// archive lists the DICOM files of python3-pydicom.
func archive(tb testing.TB) []string {
	tb.Helper()
	var files []string
	err := filepath.WalkDir(pydicomData, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		other := strings.Contains(".py .pyc .txt .md .json .dump .gz", filepath.Ext(path)) && filepath.Ext(path) != ""
		if !other && entry.Name() != "README" {
			files = append(files, path)
		}
		return nil
	})
	need(tb, err == nil && len(files) > 0, "python3-pydicom")
	return files
}

// unsound are the files of the archive that are no whole data sets, and why.
var unsound = map[string]string{
	"MR_truncated.dcm":     "cut in the middle of the pixel data",
	"rtplan_truncated.dcm": "cut in the middle of a sequence",
	"DICOMDIR-nooffset":    "the last directory record is counted longer than the file",
	"SC_rgb_jpeg.dcm":      "implicit VR under a transfer syntax of explicit VR; DCMTK refuses it too",
	"no_meta.dcm":          "a data set that begins with its second byte; DCMTK refuses it too",
}

// body is a file's meta information and its data set.
func body(tb testing.TB, path string) (dataset.FileMeta, []byte) {
	tb.Helper()
	file, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	meta, data, err := dataset.ReadPart10(file)
	if err != nil {
		tb.Fatalf("%s: %v", filepath.Base(path), err)
	}
	b, err := io.ReadAll(data)
	if err != nil {
		tb.Fatal(err)
	}
	return meta, b
}

func TestFilesThatDCMTKReadsAreSound(t *testing.T) {
	t.Parallel()
	dcmdump := tool(t, "dcmdump")
	sound := 0
	for _, path := range archive(t) {
		name := filepath.Base(path)
		readable := exec.Command(dcmdump, "-q", path).Run() == nil
		meta, data, err := readFile(path)
		if err == nil {
			_, err = dataset.Check(bytes.NewReader(data), meta.TransferSyntaxUID)
		}
		switch _, known := unsound[name]; {
		case readable && err != nil && !known:
			t.Errorf("%s: DCMTK reads it, but: %v", name, err)
		case known && err == nil:
			t.Errorf("%s passes, though it is %s", name, unsound[name])
		case err == nil:
			sound++
		}
	}
	t.Logf("%d files are sound", sound)
}

func readFile(path string) (dataset.FileMeta, []byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return dataset.FileMeta{}, nil, err
	}
	meta, r, err := dataset.ReadPart10(bytes.NewReader(b))
	if err != nil {
		return meta, nil, err
	}
	data, err := io.ReadAll(r)
	if err == nil && !bytes.HasSuffix(b, data) {
		err = errors.New("the data set is not the end of the file")
	}
	return meta, data, err
}

// soundFiles calls test with each file that is a whole data set.
func soundFiles(t *testing.T, test func(t *testing.T, name string, ts string, data []byte)) {
	for _, path := range archive(t) {
		name := strings.TrimPrefix(path, pydicomData+"/")
		if _, known := unsound[filepath.Base(path)]; known {
			continue
		}
		meta, data, err := readFile(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		test(t, name, meta.TransferSyntaxUID, data)
	}
}

func TestCutFilesAreNotSound(t *testing.T) {
	soundFiles(t, func(t *testing.T, name, ts string, data []byte) {
		boundaries := topLevelOffsets(t, data, ts)
		for cut := 1; cut <= 60; cut++ {
			at := len(data) * cut / 61
			if boundaries[int64(at)] {
				continue // what ends where an element does may be whole: nobody can know
			}
			n, err := dataset.Check(bytes.NewReader(data[:at]), ts)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s cut from %d to %d bytes: Check = %d, %v", name, len(data), at, n, err)
			}
		}
	})
}

// topLevelOffsets are the places where an element of the data set itself begins. A deflated one has none of use.
func topLevelOffsets(t *testing.T, data []byte, ts string) map[int64]bool {
	syntax, _ := uid.SyntaxOf(ts)
	offsets := map[int64]bool{0: true}
	if syntax.Deflated {
		return offsets
	}
	scan := dataset.NewScanner(bytes.NewReader(data), syntax)
	for {
		token, err := scan.Next()
		if err == io.EOF {
			return offsets
		}
		if err != nil {
			t.Fatal(err)
		}
		if token.Depth == 0 && (token.Kind == dataset.ElementToken || token.Kind == dataset.SequenceStart || token.Kind == dataset.FragmentsStart) {
			offsets[token.Offset] = true
		}
	}
}

// walkWithPydicom prints "file", then a line for each element that is no sequence and no encapsulated pixel data: the path of
// tags to it, and the digest of its raw value.
const walkWithPydicom = `
import sys, hashlib, warnings, logging
import pydicom
from pydicom.dataelem import RawDataElement
warnings.simplefilter('ignore'); logging.disable(logging.CRITICAL)
def walk(ds, path):
    for tag in sorted(ds.keys()):
        raw = ds.get_item(tag)
        here = path + '/%08X' % int(tag)
        if isinstance(raw, RawDataElement) and raw.VR not in ('SQ',) and not (raw.VR is None and ds[tag].VR == 'SQ'):
            if raw.length == 0xFFFFFFFF: continue
            print(here, hashlib.sha256(raw.value or b'').hexdigest())
        elif ds[tag].VR == 'SQ':
            for i, item in enumerate(ds[tag].value): walk(item, here + '[%d]' % i)
        else: print(here, '?')
for line in sys.stdin:
    name = line.rstrip('\n')
    print('file', name)
    try: walk(pydicom.dcmread(name, force=True), '')
    except Exception as e: print('refused', type(e).__name__)
`

// python starts Debian's interpreter, which has pydicom, with a program that reads names of files.
func python(t *testing.T, program string, files []string) *bufio.Scanner {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	need(t, exec.Command(interpreter, "-c", "import pydicom").Run() == nil, "pydicom")
	command := exec.Command(interpreter, "-c", program)
	command.Stdin = strings.NewReader(strings.Join(files, "\n"))
	command.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	return lines
}

func TestScannerAgreesWithPydicom(t *testing.T) {
	t.Parallel()
	var ours, theirs map[string]string
	var name string
	compared := 0
	compare := func() {
		for path, digest := range theirs {
			if ours[path] != digest && digest != "?" {
				t.Errorf("%s: %s differs from what pydicom reads", name, path)
			}
			compared++
		}
		for path := range ours {
			if _, found := theirs[path]; !found && len(theirs) > 0 {
				t.Errorf("%s: %s is not there for pydicom", name, path)
			}
		}
	}
	lines := python(t, walkWithPydicom, archive(t))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		switch {
		case key == "file":
			compare()
			name, theirs = filepath.Base(value), map[string]string{}
			ours = digests(value)
		case key == "refused" || ours == nil:
			theirs, ours = nil, nil
		case theirs != nil:
			theirs[key] = value
		}
	}
	compare()
	t.Logf("%d elements compared", compared)
}

// digests walks over a file as walkWithPydicom does; nil for one that is not sound.
func digests(path string) map[string]string {
	if _, known := unsound[filepath.Base(path)]; known {
		return nil
	}
	meta, data, err := readFile(path)
	if err != nil {
		return nil
	}
	syntax, _ := uid.SyntaxOf(meta.TransferSyntaxUID)
	scan := dataset.NewScanner(bytes.NewReader(data), syntax)
	found := map[string]string{}
	var here nesting
	for {
		token, err := scan.Next()
		if err != nil {
			return found
		}
		switch token.Kind {
		case dataset.SequenceStart:
			here = append(here, place{token.Tag, -1})
		case dataset.SequenceEnd:
			here = here[:len(here)-1]
		case dataset.ItemStart:
			here[len(here)-1].item++
		case dataset.ElementToken:
			digest := sha256.New()
			if _, err := scan.WriteValue(digest); err != nil {
				return nil
			}
			tag := fmt.Sprintf("/%08X", uint32(token.Tag))
			found[here.String()+tag] = fmt.Sprintf("%x", digest.Sum(nil))
		}
	}
}

// nesting is where a walk is: the sequences around it, each with its item.
type nesting []place

type place struct {
	sequence dataset.Tag
	item     int
}

func (n nesting) String() (path string) {
	for _, p := range n {
		path += fmt.Sprintf("/%08X[%d]", uint32(p.sequence), p.item)
	}
	return path
}

func TestPeekAtFilesLosesNothing(t *testing.T) {
	soundFiles(t, func(t *testing.T, name, ts string, data []byte) {
		head, whole, err := dataset.Peek(bytes.NewReader(data), ts, dataset.PixelData)
		if err != nil && !errors.Is(err, dataset.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		back, err := io.ReadAll(whole)
		if err != nil || !bytes.Equal(back, data) {
			t.Errorf("%s: peeking changed the data set: %v", name, err)
		}
		if head.String(dataset.SOPInstanceUID) == "" && strings.Contains(name, "CT_small") {
			t.Errorf("%s: no SOP Instance UID", name)
		}
	})
}

func TestHeadersOfFilesRoundTrip(t *testing.T) {
	soundFiles(t, func(t *testing.T, name, ts string, data []byte) {
		head, err := dataset.ReadHeader(bytes.NewReader(data), ts, dataset.PixelData, 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		b, err := head.AppendTo(nil, ts)
		if err != nil {
			t.Errorf("%s: encode: %v", name, err)
			return
		}
		back, err := dataset.Decode(b, ts)
		if err != nil || !back.Equal(head) {
			t.Errorf("%s: the header does not come back: %v", name, err)
		}
	})
}
