package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// fuzzSyntaxes are what a fuzzer chooses from by a number.
var fuzzSyntaxes = []string{implicitLE, explicitLE, explicitBE, deflatedLE, uid.JPEGBaseline}

func fuzzSyntax(choice byte) string { return fuzzSyntaxes[int(choice)%len(fuzzSyntaxes)] }

// seed adds samples and, where they are, small real files to the corpus of a fuzz target for data sets.
func seed(f *testing.F) {
	f.Helper()
	for i, ts := range fuzzSyntaxes[:4] {
		b, err := sample().AppendTo(nil, ts)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, byte(i))
	}
	f.Add(unhex(f, sequenceWithDelimiters), byte(1))
	f.Add(nested(10, implicitLE), byte(0))
	f.Add(nested(70, explicitLE), byte(1))
	f.Add(bomb(f, 1<<20), byte(3))
	f.Add(bytes.Repeat([]byte("\x08\x00\x18\x00UI\x00\x00"), 1000), byte(1))
	f.Add(bytes.Repeat([]byte("\xfe\xff\x00\xe0\x00\x00\x00\x00"), 1000), byte(0))
	for _, name := range []string{"chrH32.dcm", "chrKoreanMulti.dcm"} {
		if b, err := os.ReadFile(pydicomData + "/charset_files/" + name); err == nil {
			f.Add(b[132:], byte(1))
		}
	}
}

func FuzzScanner(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte, choice byte) {
		ts := fuzzSyntax(choice)
		syntax, _ := uid.SyntaxOf(ts)
		var checked error
		dimsetest.Bounded(t, len(b), func() { _, checked = dataset.Check(bytes.NewReader(b), ts) })

		var copied bytes.Buffer
		scan := dataset.NewScanner(bytes.NewReader(b), syntax)
		depth := 0
		for {
			token, err := scan.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			if depth = depthAfter(t, depth, token); depth > 2*dataset.MaxDepth {
				t.Fatalf("nested %d deep", depth)
			}
			copied.Write(scan.Header())
			if _, err := scan.WriteValue(&copied); err != nil {
				return
			}
		}
		if !syntax.Deflated && (checked != nil || !bytes.Equal(copied.Bytes(), b)) {
			t.Errorf("walked to the end, but: %v, and %d of %d bytes came out", checked, copied.Len(), len(b))
		}
	})
}

// depthAfter counts starts and ends, which must pair up.
func depthAfter(t *testing.T, depth int, token dataset.Token) int {
	t.Helper()
	switch token.Kind {
	case dataset.SequenceStart, dataset.ItemStart, dataset.FragmentsStart:
		return depth + 1
	case dataset.SequenceEnd, dataset.ItemEnd, dataset.FragmentsEnd:
		if depth == 0 {
			t.Fatal("an end without a start")
		}
		return depth - 1
	}
	return depth
}

func FuzzDecode(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte, choice byte) {
		ts := fuzzSyntax(choice)
		var d *dataset.Dataset
		var err error
		whole := len(b)
		if ts == deflatedLE {
			whole += dataset.MaxSize // inflated within that limit
		}
		dimsetest.Bounded(t, whole, func() { d, err = dataset.Decode(b, ts) })
		if err != nil {
			return
		}
		if _, err := dataset.Check(bytes.NewReader(b), ts); err != nil {
			t.Errorf("decoded, but: %v", err)
		}
		encoded, err := d.AppendTo(nil, ts)
		if err != nil {
			t.Fatal(err)
		}
		again, err := dataset.Decode(encoded, ts)
		if err != nil && !errors.Is(err, dataset.ErrTooLarge) {
			t.Fatalf("encoded again, it is refused: %v", err)
		}
		if err == nil && !again.Equal(d) {
			t.Errorf("decoded again, it is another data set:\n%+v\n%+v", d, again)
		}
		for _, e := range d.Elements {
			d.Text(e.Tag)
			d.Strings(e.Tag)
			d.Int(e.Tag)
		}
	})
}

func FuzzPeek(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte, choice byte) {
		ts := fuzzSyntax(choice)
		n := len(b)
		if ts == deflatedLE {
			n += dataset.DefaultHeaderSize // inflated within that limit
		}
		var whole io.Reader
		var err error
		dimsetest.Bounded(t, n, func() { _, whole, err = dataset.Peek(bytes.NewReader(b), ts, dataset.PixelData) })
		back, readErr := io.ReadAll(whole)
		if readErr != nil || !bytes.Equal(back, b) {
			t.Errorf("%d of %d bytes come back, %v", len(back), len(b), readErr)
		}
		var head *dataset.Dataset
		var headErr error
		dimsetest.Bounded(t, n, func() { head, headErr = dataset.ReadHeader(bytes.NewReader(b), ts, dataset.PixelData, 0) })
		if head == nil || (err == nil) != (headErr == nil) && !errors.Is(headErr, dataset.ErrTooLarge) && !errors.Is(err, dataset.ErrTooLarge) {
			t.Errorf("Peek says %v, ReadHeader %v", err, headErr)
		}
	})
}

func FuzzReadPart10(f *testing.F) {
	f.Add(file(f, fileMeta, []byte("data")))
	f.Add(file(f, fileMeta, nil)[128:])
	for _, ts := range syntaxes {
		b, err := sample().AppendTo(nil, ts)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var rest io.Reader
		var meta dataset.FileMeta
		var err error
		dimsetest.Bounded(t, len(b), func() { meta, rest, err = dataset.ReadPart10(bytes.NewReader(b)) })
		if err != nil {
			return
		}
		data, err := io.ReadAll(rest)
		if err != nil || !bytes.HasSuffix(b, data) {
			t.Fatalf("the data set is not the end of the file: %v", err)
		}
		var out bytes.Buffer
		if _, err := dataset.WritePart10(&out, meta, bytes.NewReader(data)); err != nil {
			return
		}
		again, rest, err := dataset.ReadPart10(&out)
		if meta.ImplementationClassUID == "" {
			meta.ImplementationClassUID, meta.ImplementationVersionName = uid.Implementation, uid.ImplementationVersion
		}
		if err != nil || again != meta {
			t.Fatalf("written and read again: %+v, %v, want %+v", again, err, meta)
		}
		if back, err := io.ReadAll(rest); err != nil || !bytes.Equal(back, data) {
			t.Errorf("written and read again, the data set is another: %v", err)
		}
	})
}

// FuzzMatch matches any identifier with any candidate.
func FuzzMatch(f *testing.F) {
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
		if len(h.query.Elements) < 100 {
			add(h.query, h.candidate)
		}
	}
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

func FuzzPatch(f *testing.F) {
	add := func(b []byte, choice byte) { f.Add(b, choice, uint32(0x00081110), uint32(0x00081150), "1.2.3", true) }
	add(unhex(f, sequenceWithDelimiters), 1)
	add(unhex(f, `08 00 10 11 53 51 00 00 12 00 00 00  FE FF 00 E0 0A 00 00 00  08 00 50 11 55 49 02 00 31 00`), 1)
	for i, ts := range fuzzSyntaxes[:4] {
		b, err := sample().AppendTo(nil, ts)
		if err != nil {
			f.Fatal(err)
		}
		add(b, byte(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, choice byte, sequence, tag uint32, value string, set bool) {
		ts := fuzzSyntax(choice)
		change := dataset.Change{Tag: dataset.Tag(tag)}
		if sequence != 0 {
			change.Within = []dataset.Place{{Sequence: dataset.Tag(sequence), Item: dataset.EveryItem}}
		}
		if set {
			change.Set = &dataset.Element{VR: dataset.UN, Value: []byte(value)}
		}
		_, sound := dataset.Check(bytes.NewReader(b), ts)
		var made []int
		var err error
		out := bytes.NewBuffer(make([]byte, 0, 2*len(b)))
		patch := func() {
			out.Reset()
			made, err = dataset.Patch(out, bytes.NewReader(b), ts, []dataset.Change{change})
		}
		patch()
		if ts != deflatedLE && made != nil {
			dimsetest.Bounded(t, len(b)+made[0]*2*(len(value)+12)+out.Len(), patch)
		}
		if err != nil {
			if sound == nil && !errors.Is(err, dataset.ErrTooLarge) && !errors.Is(err, dataset.ErrChange) {
				t.Errorf("the data set is sound, but: %v", err)
			}
			return
		}
		if _, err := dataset.Check(bytes.NewReader(out.Bytes()), ts); err != nil {
			t.Errorf("patched, it is not sound: %v", err)
		}
		if made[0] == 0 && ts != deflatedLE && !hasGroupLength(t, b, ts) && !bytes.Equal(out.Bytes(), b) {
			t.Errorf("no change was made, but the data set is another")
		}
		patched := bytes.Clone(out.Bytes())
		var twice bytes.Buffer
		if _, err := dataset.Patch(&twice, bytes.NewReader(patched), ts, []dataset.Change{change}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(twice.Bytes(), patched) {
			t.Errorf("patched twice it is another data set")
		}
	})
}

// hasGroupLength reports whether there is a group length in the data set, which goes when its group is named by a change.
func hasGroupLength(t *testing.T, b []byte, ts string) bool {
	syntax, _ := uid.SyntaxOf(ts)
	scan := dataset.NewScanner(bytes.NewReader(b), syntax)
	for {
		token, err := scan.Next()
		if err == io.EOF {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		if token.Tag.Element() == 0 && token.Kind != dataset.ItemEnd && token.Kind != dataset.SequenceEnd {
			return true
		}
	}
}

func FuzzReencode(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte, choice byte) {
		from, to := implicitLE, explicitLE
		if choice%2 == 1 {
			from, to = to, from
		}
		var out, back, again bytes.Buffer
		var err error
		dimsetest.Bounded(t, len(b), func() { err = dataset.Reencode(io.Discard, bytes.NewReader(b), from, to) })
		if err != nil {
			return
		}
		if err := dataset.Reencode(&out, bytes.NewReader(b), from, to); err != nil {
			t.Fatal(err)
		}
		if err := dataset.Reencode(&back, bytes.NewReader(out.Bytes()), to, from); err != nil {
			t.Fatalf("cannot be re-encoded again: %v", err)
		}
		if err := dataset.Reencode(&again, bytes.NewReader(back.Bytes()), from, to); err != nil {
			t.Fatalf("cannot be re-encoded a third time: %v", err)
		}
		if _, err := dataset.Check(bytes.NewReader(out.Bytes()), to); err != nil {
			t.Errorf("re-encoded, it is not sound: %v", err)
		}
	})
}
