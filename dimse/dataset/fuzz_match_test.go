package dataset_test

import (
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// seedMatches adds honest and hostile queries with a candidate each.
func seedMatches(f *testing.F) {
	f.Helper()
	add := func(query, candidate *dataset.Dataset) {
		q, err := query.AppendTo(nil, implicitLE)
		if err != nil {
			f.Fatal(err)
		}
		c, err := candidate.AppendTo(nil, implicitLE)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(q, c)
	}
	for _, pair := range [][2]string{{"*", "a"}, {"A?C*", "ABCD"}, {"20260101-20260131", "20260115"}, {"10-12", "1130"}, {`1.2\1.3`, "1.3"}} {
		for _, tag := range []dataset.Tag{dataset.PatientName, dataset.StudyDate, dataset.AcquisitionDateTime} {
			key, value := dataset.New().SetString(tag, pair[0]), dataset.New().SetString(tag, pair[1])
			add(key, value)
			add(dataset.New().SetSequence(dataset.RequestAttributesSequence, key), dataset.New().SetSequence(dataset.RequestAttributesSequence, value))
		}
	}
	for _, h := range hostileMatches() {
		if size(h.query)+size(h.candidate) < 1<<20 {
			add(h.query, h.candidate)
		}
	}
}

// FuzzMatch matches any identifier with any candidate.
func FuzzMatch(f *testing.F) {
	seedMatches(f)
	f.Fuzz(func(t *testing.T, q, c []byte) {
		query, err := dataset.Decode(q, implicitLE)
		if err != nil {
			return
		}
		candidate, err := dataset.Decode(c, implicitLE)
		if err != nil {
			return
		}
		dimsetest.Bounded(t, len(q)+len(c), func() { dataset.Match(query, candidate) })
		for i := range query.Elements {
			query.Elements[i].Value, query.Elements[i].Items = nil, nil
		}
		if !dataset.Match(query, candidate) {
			t.Error("empty keys do not match")
		}
	})
}

// FuzzDecodeText decodes anything under any character set. A character of one byte may become three.
func FuzzDecodeText(f *testing.F) {
	f.Add([]byte("\x1b$B;3ED\x1b(B"), `\ISO 2022 IR 87`)
	f.Add([]byte("\xd5\xc5^\xd0\xa1\xb6\xab"), "GB18030")
	f.Add([]byte("M\xfcller"), "ISO_IR 100")
	f.Fuzz(func(t *testing.T, b []byte, charset string) {
		charsets := strings.Split(charset, `\`)
		dimsetest.Bounded(t, 2*len(b)+8*len(charset), func() { dataset.DecodeText(b, charsets) })
		d := dataset.New().SetString(dataset.SpecificCharacterSet, charset).SetString(dataset.PatientName, string(b))
		d.Text(dataset.PatientName)
		d.Strings(dataset.PatientName)
	})
}
