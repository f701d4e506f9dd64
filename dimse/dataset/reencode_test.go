package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

func reencoded(t *testing.T, data []byte, from, to string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := dataset.Reencode(&out, bytes.NewReader(data), from, to); err != nil {
		t.Fatal(err)
	}
	if n, err := dataset.Check(bytes.NewReader(out.Bytes()), to); err != nil || n != int64(out.Len()) {
		t.Fatalf("re-encoded: Check = %d of %d, %v", n, out.Len(), err)
	}
	return out.Bytes()
}

func TestReencodeKeepsValues(t *testing.T) {
	for _, c := range []struct{ what, from, to, before, after string }{
		{
			"explicit to implicit", explicitLE, implicitLE,
			`08 00 00 00 55 4C 04 00 0A 00 00 00  08 00 16 00 55 49 02 00 31 00
			08 00 10 11 53 51 00 00 12 00 00 00 FE FF 00 E0 0A 00 00 00 08 00 50 11 55 49 02 00 31 00`,
			`08 00 16 00 02 00 00 00 31 00
			08 00 10 11 FF FF FF FF FE FF 00 E0 FF FF FF FF 08 00 50 11 02 00 00 00 31 00
			FE FF 0D E0 00 00 00 00 FE FF DD E0 00 00 00 00`,
		},
		{
			"implicit to explicit", implicitLE, explicitLE,
			`09 00 10 00 02 00 00 00 41 42  09 00 01 10 02 00 00 00 41 42  28 00 03 01 02 00 00 00 00 00  28 00 06 01 02 00 00 00 05 00`,
			`09 00 10 00 4C 4F 02 00 41 42  09 00 01 10 55 4E 00 00 02 00 00 00 41 42
			28 00 03 01 55 53 02 00 00 00  28 00 06 01 55 53 02 00 05 00`,
		},
		{
			"implicit to explicit, signed pixels", implicitLE, explicitLE,
			`28 00 03 01 02 00 00 00 01 00  28 00 06 01 02 00 00 00 FB FF`,
			`28 00 03 01 55 53 02 00 01 00  28 00 06 01 53 53 02 00 FB FF`,
		},
		{
			"implicit to explicit, real world values of signed pixels", implicitLE, explicitLE,
			`28 00 03 01 02 00 00 00 01 00  40 00 96 90 12 00 00 00 FE FF 00 E0 0A 00 00 00 40 00 16 92 02 00 00 00 00 FC`,
			`28 00 03 01 55 53 02 00 01 00  40 00 96 90 53 51 00 00 FF FF FF FF FE FF 00 E0 FF FF FF FF 40 00 16 92 53 53 02 00 00 FC
			FE FF 0D E0 00 00 00 00 FE FF DD E0 00 00 00 00`,
		},
		{
			"implicit to explicit, sequences of implant templates", implicitLE, explicitLE,
			`68 00 F0 62 00 00 00 00  76 00 34 00 00 00 00 00`,
			`68 00 F0 62 53 51 00 00 FF FF FF FF FE FF DD E0 00 00 00 00  76 00 34 00 53 51 00 00 FF FF FF FF FE FF DD E0 00 00 00 00`,
		},
		{
			"UN with implicit VR inside becomes a sequence", explicitLE, implicitLE,
			`09 00 01 10 55 4E 00 00 FF FF FF FF FE FF DD E0 00 00 00 00`, `09 00 01 10 FF FF FF FF FE FF DD E0 00 00 00 00`,
		},
	} {
		if got, want := reencoded(t, unhex(t, c.before), c.from, c.to), unhex(t, c.after); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", c.what, got, want)
		}
	}
}

func TestReencodeOfLongValues(t *testing.T) {
	data, err := dataset.New().SetString(dataset.PatientID, strings.Repeat("1", 1<<16)).AppendTo(nil, implicitLE)
	if err != nil {
		t.Fatal(err)
	}
	explicit := reencoded(t, data, implicitLE, explicitLE)
	if d, err := dataset.Decode(explicit, explicitLE); err != nil || d.Elements[0].VR != dataset.UN {
		t.Errorf("a value too long for LO is %+v, %v", d, err)
	}
	if back := reencoded(t, explicit, explicitLE, implicitLE); !bytes.Equal(back, data) {
		t.Error("back again it is another")
	}
}

func TestReencodeRefuses(t *testing.T) {
	for _, ts := range []string{explicitBE, uid.JPEGBaseline, uid.GEPrivate, "1.2.3"} {
		if err := dataset.Reencode(io.Discard, bytes.NewReader(nil), ts, implicitLE); !errors.Is(err, dataset.ErrSyntax) {
			t.Errorf("from %s: %v", ts, err)
		}
		if err := dataset.Reencode(io.Discard, bytes.NewReader(nil), implicitLE, ts); !errors.Is(err, dataset.ErrSyntax) {
			t.Errorf("to %s: %v", ts, err)
		}
	}
	fragments := unhex(t, `E0 7F 10 00 4F 42 00 00 FF FF FF FF  FE FF 00 E0 00 00 00 00  FE FF DD E0 00 00 00 00`)
	if err := dataset.Reencode(io.Discard, bytes.NewReader(fragments), explicitLE, implicitLE); !errors.Is(err, dataset.ErrFragments) {
		t.Errorf("encapsulated pixel data: %v", err)
	}
}

func TestReencodedFilesKeepTheirValues(t *testing.T) {
	soundFiles(t, func(t *testing.T, name, ts string, data []byte) {
		var out bytes.Buffer
		for _, to := range []string{implicitLE, explicitLE, deflatedLE} {
			out.Reset()
			err := dataset.Reencode(&out, bytes.NewReader(data), ts, to)
			if errors.Is(err, dataset.ErrSyntax) {
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got, want := values(t, out.Bytes(), to), values(t, data, ts); got != want {
				t.Errorf("%s, from %s to %s: values differ", name, uid.Name(ts), uid.Name(to))
			}
		}
	})
}

// values are all values in a data set, with their tags and depths, save group lengths.
func values(t *testing.T, data []byte, ts string) string {
	t.Helper()
	syntax, _ := uid.SyntaxOf(ts)
	scan := dataset.NewScanner(bytes.NewReader(data), syntax)
	var all strings.Builder
	for {
		token, err := scan.Next()
		if err == io.EOF {
			return all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if token.Kind != dataset.ElementToken || token.Tag.Element() == 0 {
			continue
		}
		all.WriteString(token.Tag.String())
		if _, err := scan.WriteValue(&all); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReencodedFilesReadTheSameInDCMTK(t *testing.T) {
	t.Parallel()
	dcmconv, dcmdump := tool(t, "dcmconv"), tool(t, "dcmdump")
	dump := func(path string) string {
		out, err := exec.Command(dcmdump, "-q", "+L", "-Un", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(out), "# Dicom-Data-Set\n")
		_, body, _ = strings.Cut(body, "\n")
		return body
	}
	compared := 0
	soundFiles(t, func(t *testing.T, name, ts string, data []byte) {
		if ts != explicitLE || !strings.HasSuffix(name, ".dcm") || len(data) > 1<<20 {
			return
		}
		theirs, ours := filepath.Join(t.TempDir(), "theirs"), filepath.Join(t.TempDir(), "ours")
		if exec.Command(dcmconv, "-q", "+ti", "-e", "-g", "-p=", filepath.Join(pydicomData, name), theirs).Run() != nil {
			return
		}
		meta := fileMeta
		meta.TransferSyntaxUID = implicitLE
		if err := os.WriteFile(ours, file(t, meta, reencoded(t, data, ts, implicitLE)), 0o600); err != nil {
			t.Fatal(err)
		}
		if dump(ours) != dump(theirs) {
			t.Errorf("%s: DCMTK's implicit form differs from ours", name)
		}
		compared++
	})
	t.Logf("%d files compared", compared)
}
