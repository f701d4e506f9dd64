package dimsetest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pacsbridge/dimse/dataset"
)

// pydicomData is where Debian's python3-pydicom keeps its DICOM files.
const pydicomData = "/usr/lib/python3/dist-packages/pydicom/data"

// PydicomFiles lists the Part 10 files that come with Debian's python3-pydicom:
// images of many kinds, transfer syntaxes and character sets, reports, plans,
// private and nested attributes, some of them damaged on purpose. DICOMDIRs and
// files without the Part 10 prefix are left out.
func PydicomFiles(tb testing.TB) []string {
	tb.Helper()
	if _, err := os.Stat(pydicomData); err != nil {
		absent(tb, "no DICOM files of pydicom (Debian package python3-pydicom): %v", err)
	}
	return slices.DeleteFunc(filesIn(tb, pydicomData), func(name string) bool {
		return !isPart10(name)
	})
}

// ContextsOf lists the SOP class and transfer syntax pairs of Part 10 files.
func ContextsOf(tb testing.TB, files ...string) []Context {
	tb.Helper()
	var contexts []Context
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		meta, _, err := dataset.ReadPart10(f)
		f.Close()
		c := Context{meta.SOPClassUID, meta.TransferSyntaxUID}
		if err == nil && c.SOPClass != "" && c.TransferSyntax != "" && !slices.Contains(contexts, c) {
			contexts = append(contexts, c)
		}
	}
	return contexts
}

// mediaDirectory is the SOP class of a DICOMDIR, which is no instance of a study.
const mediaDirectory = "1.2.840.10008.1.3.10"

// isPart10 looks at a file's prefix (PS3.10 §7.1) and leaves media directories out.
func isPart10(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := f.Read(head)
	head = head[:n]
	return n > 132 && string(head[128:132]) == "DICM" && !bytes.Contains(head, []byte(mediaDirectory))
}

// filesIn lists the regular files below dir, sorted.
func filesIn(tb testing.TB, dir string) []string {
	tb.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func writeFile(tb testing.TB, name, content string) string {
	tb.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}
