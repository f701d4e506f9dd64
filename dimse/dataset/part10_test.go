package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/iotest"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

var fileMeta = dataset.FileMeta{
	SOPClassUID: uid.CTImageStorage, SOPInstanceUID: "1.2.3", TransferSyntaxUID: uid.ExplicitLE,
	ImplementationClassUID: "1.2.4", ImplementationVersionName: "TEST", SourceAE: "OLD",
}

func file(tb testing.TB, meta dataset.FileMeta, data []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	n, err := dataset.WritePart10(&out, meta, bytes.NewReader(data))
	if err != nil || n != int64(out.Len()) {
		tb.Fatalf("WritePart10 = %d of %d, %v", n, out.Len(), err)
	}
	return out.Bytes()
}

func TestFilesRoundTrip(t *testing.T) {
	for _, ts := range syntaxes {
		data, meta := image(t, ts, 50_000), fileMeta
		meta.TransferSyntaxUID = ts
		whole := file(t, meta, data)
		for how, r := range map[string]io.Reader{
			"at once":      bytes.NewReader(whole),
			"byte by byte": iotest.OneByteReader(bytes.NewReader(whole)),
			"early end":    iotest.DataErrReader(bytes.NewReader(whole)),
		} {
			got, rest, err := dataset.ReadPart10(r)
			if err != nil || got != meta {
				t.Fatalf("%s, %s: %+v, %v", ts, how, got, err)
			}
			if back, err := io.ReadAll(rest); err != nil || !bytes.Equal(back, data) {
				t.Errorf("%s, %s: the data set changed: %v", ts, how, err)
			}
		}
	}
}

func TestOurFilesAreReadByDCMTK(t *testing.T) {
	dcmdump := tool(t, "dcmdump")
	for _, ts := range syntaxes {
		meta := fileMeta
		meta.TransferSyntaxUID, meta.ImplementationClassUID, meta.ImplementationVersionName = ts, "", ""
		path := filepath.Join(t.TempDir(), "file.dcm")
		data, err := sample().SetString(dataset.SOPClassUID, meta.SOPClassUID).AppendTo(nil, ts)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file(t, meta, data), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(dcmdump, "+Un", path).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("[1.2.3]")) || !bytes.Contains(out, []byte(uid.ImplementationVersion)) {
			t.Errorf("%s: %v\n%s", uid.Name(ts), err, out)
		}
	}
}

func TestFilesOfOldArchivesAreRead(t *testing.T) {
	data := image(t, explicitLE, 10)
	whole := file(t, fileMeta, data)
	meta := whole[132 : len(whole)-len(data)]
	wrong := bytes.Clone(whole)
	wrong[140] += 9
	longer := append(bytes.Clone(whole[:len(whole)-len(data)]), unhex(t, `02 00 02 01 4F 42 00 00 04 00 00 00 01 02 03 04`)...)
	for what, b := range map[string][]byte{
		"without a preamble":            whole[128:],
		"without preamble and magic":    meta2(meta, data),
		"with a wrong group length":     wrong,
		"with more elements than that":  append(longer, data...),
		"without a group length at all": append(append(bytes.Clone(whole[:132]), meta[12:]...), data...),
	} {
		got, rest, err := dataset.ReadPart10(bytes.NewReader(b))
		if err != nil || got != fileMeta {
			t.Errorf("%s: %+v, %v", what, got, err)
			continue
		}
		if back, err := io.ReadAll(rest); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%s: the data set changed: %v", what, err)
		}
	}
}

func meta2(meta, data []byte) []byte { return append(bytes.Clone(meta), data...) }

func TestBareDataSetsAreGuessed(t *testing.T) {
	for _, ts := range []string{implicitLE, explicitLE, explicitBE} {
		data := image(t, ts, 10)
		for what, b := range map[string][]byte{"bare": data, "behind a preamble": append([]byte(string(make([]byte, 128))+"DICM"), data...)} {
			meta, rest, err := dataset.ReadPart10(bytes.NewReader(b))
			if err != nil || meta != (dataset.FileMeta{TransferSyntaxUID: ts}) {
				t.Errorf("%s, %s: %+v, %v", ts, what, meta, err)
				continue
			}
			if back, err := io.ReadAll(rest); err != nil || !bytes.Equal(back, data) {
				t.Errorf("%s, %s: the data set changed: %v", ts, what, err)
			}
		}
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	broken := errors.New("the disk broke")
	for what, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"nothing":             {bytes.NewReader(nil), dataset.ErrNotDICOM},
		"text":                {bytes.NewReader([]byte("This is a text, and no image.")), dataset.ErrNotDICOM},
		"a PDF":               {bytes.NewReader([]byte("%PDF-1.4\n%\xe2\xe3\xcf\xd3 and so on")), dataset.ErrNotDICOM},
		"a broken disk":       {iotest.ErrReader(broken), broken},
		"half a meta element": {bytes.NewReader(file(t, fileMeta, nil)[:150]), io.ErrUnexpectedEOF},
	} {
		if _, _, err := dataset.ReadPart10(c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	if _, err := dataset.WritePart10(io.Discard, dataset.FileMeta{}, bytes.NewReader(nil)); err == nil {
		t.Error("a file without class, instance and syntax is written")
	}
	if _, err := dataset.WritePart10(failingWriter{broken}, fileMeta, bytes.NewReader(nil)); !errors.Is(err, broken) {
		t.Error("a writer's error is lost")
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
