package dimsetest_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

var firstDay = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func TestSameSeedMakesSameBytes(t *testing.T) {
	a, b := dimsetest.Corpus(7, 30, firstDay, 31), dimsetest.Corpus(7, 30, firstDay, 31)
	seen := map[string]bool{}
	for i := range a {
		for j, object := range a[i].Objects {
			if !bytes.Equal(object.Data, b[i].Objects[j].Data) {
				t.Fatalf("study %d, instance %d: the bytes differ", i, j)
			}
			if seen[object.SOPInstance] {
				t.Errorf("study %d, instance %d: its UID was there before", i, j)
			}
			seen[object.SOPInstance] = true
		}
	}
	if other := dimsetest.Corpus(8, 1, firstDay, 31); seen[other[0].Objects[0].SOPInstance] {
		t.Error("another seed makes the same instances")
	}
}

func TestCorpusSpreadsOverTheMonth(t *testing.T) {
	days, kinds, charsets := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range dimsetest.Corpus(7, 31, firstDay, 31) {
		days[s.Date], kinds[s.Modality], charsets[s.Patient.Charset] = true, true, true
	}
	if len(days) != 31 || len(kinds) != 5 || len(charsets) < 8 {
		t.Errorf("%d days, %d modalities, %d character sets", len(days), len(kinds), len(charsets))
	}
}

func TestNamesDecodeToTheirText(t *testing.T) {
	for _, s := range dimsetest.Corpus(7, 12, firstDay, 31) {
		head, err := dataset.Decode(s.Objects[0].Data, s.TransferSyntax)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(head.Text(dataset.PatientName), "|", s.Patient.Text)
	}
}

func TestObjectsAreValidDICOM(t *testing.T) {
	for _, s := range dimsetest.Corpus(7, 15, firstDay, 31) {
		object := s.Objects[len(s.Objects)-1]
		if n, err := dataset.Check(object.Reader(), object.TransferSyntax); err != nil || n != object.Size {
			t.Errorf("%s: %d of %d bytes: %v", s.Modality, n, object.Size, err)
		}
		for _, fault := range dimsetest.Dciodvfy(t, write(t, object)) {
			t.Errorf("%s for %s: %s", s.Modality, s.Patient.ID, fault)
		}
	}
}

func TestMultiFrameIsWholeAndValid(t *testing.T) {
	object := dimsetest.MultiFrame(3, 3<<20)
	if err := iotest.TestReader(object.Tail(), mustRead(t, object.Tail())); err != nil {
		t.Error(err)
	}
	if n, err := dataset.Check(object.Reader(), object.TransferSyntax); err != nil || n != object.Size {
		t.Errorf("%d of %d bytes: %v", n, object.Size, err)
	}
	if a, b := digest(t, object.Reader()), digest(t, object.Reader()); a != b {
		t.Error("two readings differ")
	}
	for _, fault := range dimsetest.Dciodvfy(t, write(t, object)) {
		t.Error(fault)
	}
}

func TestMultiFrameCostsNoMemory(t *testing.T) {
	object := dimsetest.MultiFrame(3, 1<<30)
	allocated := testing.AllocsPerRun(1, func() {
		if n, err := io.Copy(io.Discard, io.LimitReader(object.Reader(), 64<<20)); err != nil || n != 64<<20 {
			t.Errorf("%d bytes: %v", n, err)
		}
	})
	if allocated > 50 {
		t.Errorf("%v allocations for 64 MiB", allocated)
	}
	if object.Size < 1<<30 || object.TransferSyntax != uid.ExplicitLE {
		t.Errorf("%d bytes", object.Size)
	}
}

func write(t *testing.T, object dimsetest.Object) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), object.SOPInstance+".dcm")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := object.WriteFile(f); err != nil {
		t.Fatal(err)
	}
	return name
}

func mustRead(t *testing.T, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digest(t *testing.T, r io.Reader) [sha256.Size]byte {
	t.Helper()
	return sha256.Sum256(mustRead(t, r))
}
