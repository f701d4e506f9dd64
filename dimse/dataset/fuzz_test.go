package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"os"
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
