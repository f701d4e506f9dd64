package dimsetest_test

import (
	"bytes"
	"os"
	"testing"

	"pacsbridge/dimse/dimsetest"
)

func TestOrthancStartsAnswersAndStops(t *testing.T) {
	orthanc := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{})
	files := dimsetest.PydicomFiles(t)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := orthanc.Upload(t.Context(), bytes.NewReader(b)); err != nil {
			t.Log(f, err)
		}
	}
	s, err := orthanc.Statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(files), s)
	o2 := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{})
	t.Log(dimsetest.DCMTK(t, "dcmsend", append([]string{"--no-halt", "--decompress-never", "-aec", o2.AE, o2.Host(), o2.Port()}, files...)...))
	s, err = o2.Statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(files), s)
}
