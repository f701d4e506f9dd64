package pdu_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/pdu"
)

// readMessage is one message as it was read back.
type readMessage struct {
	command, data []byte
	longest       uint32        // P-DATA-TF on the way
	last          map[bool]bool // whether the last fragment of the command set, and of the data set, has come
}

// message reads one message back.
func message(t *testing.T, stream []byte) (command, data []byte, longest uint32) {
	t.Helper()
	r := pdu.NewReader(bufio.NewReaderSize(bytes.NewReader(stream), 16))
	m := readMessage{last: map[bool]bool{}}
	for {
		kind, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil || kind != pdu.TypeData {
			t.Fatal(kind, err)
		}
		m.longest = max(m.longest, m.values(t, r))
	}
	if !m.last[true] {
		t.Fatal("command set without an end")
	}
	return m.command, m.data, m.longest
}

// values reads the values of one P-DATA-TF and returns its length.
func (m *readMessage) values(t *testing.T, r *pdu.Reader) (length uint32) {
	t.Helper()
	for {
		v, ok, err := r.NextValue()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return length
		}
		if m.last[v.Command] || v.ContextID != 5 {
			t.Fatalf("%+v behind the last fragment", v)
		}
		m.last[v.Command] = v.Last
		b, err := io.ReadAll(r)
		if err != nil || len(b) != int(v.Length) {
			t.Fatal(err)
		}
		length += 6 + v.Length
		if v.Command {
			m.command = append(m.command, b...)
		} else {
			m.data = append(m.data, b...)
		}
	}
}

// writes counts the writes that go through it.
type writes struct {
	bytes.Buffer
	n int
}

func (w *writes) Write(p []byte) (int, error) {
	w.n++
	return w.Buffer.Write(p)
}

func TestWriterFillsPDUsOfThePeersMaximum(t *testing.T) {
	command := []byte("a command set of thirty bytes.")
	for _, maximum := range []uint32{0, 7, 8, 9, 12, 1000, 16384, 131072, 1 << 20, 1<<32 - 1} {
		for _, size := range []int{0, 1, 2, 993, 994, 995, 131066, 131067, 300_000} {
			if maximum > 0 && maximum < 100 && size > 1000 {
				continue
			}
			t.Run(fmt.Sprintf("%d bytes, maximum %d", size, maximum), func(t *testing.T) {
				want := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
				var out writes
				w, err := pdu.NewWriter(&out, maximum)
				if err != nil {
					t.Fatal(err)
				}
				n, err := w.WriteMessage(5, command, iotest.OneByteReader(bytes.NewReader(want)))
				if err != nil || n != int64(size) {
					t.Fatal(n, err)
				}
				gotCommand, got, longest := message(t, out.Bytes())
				if !bytes.Equal(gotCommand, command) || !bytes.Equal(got, want) {
					t.Error("message differs")
				}
				if maximum > 0 && longest > maximum || longest > pdu.DefaultMaxLength {
					t.Errorf("a PDU of %d bytes", longest)
				}
				if size <= 131066 && maximum == 131072 && out.n != 1 {
					t.Errorf("a small message in %d writes", out.n)
				}
			})
		}
	}
}

func TestMaximumThatLetsNothingPassIsRefused(t *testing.T) {
	for maximum := uint32(1); maximum < pdu.MinMaxLength; maximum++ {
		if _, err := pdu.NewWriter(io.Discard, maximum); err == nil {
			t.Errorf("maximum %d is taken", maximum)
		}
	}
}

func TestSourceThatFailsIsToldApartFromItsEnd(t *testing.T) {
	w, err := pdu.NewWriter(io.Discard, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{io.ErrUnexpectedEOF, errors.New("disk")} {
		cut := io.MultiReader(bytes.NewReader(make([]byte, 1000)), iotest.ErrReader(cause))
		_, err := w.WriteMessage(1, nil, cut)
		var source *pdu.SourceError
		if !errors.As(err, &source) || !errors.Is(err, cause) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}

func TestValuesThatLieAboutTheirLength(t *testing.T) {
	for name, body := range map[string][]byte{
		"longer than the PDU":  {0, 0, 1, 0, 1, 3, 0},
		"shorter than a value": {0, 0, 0, 1, 1, 3},
		"near 2^32":            {0xFF, 0xFF, 0xFF, 0xFF, 1, 3},
		"half a header":        {0, 0, 0},
	} {
		stream := append([]byte{4, 0, 0, 0, 0, byte(len(body))}, body...)
		r := pdu.NewReader(bufio.NewReader(bytes.NewReader(stream)))
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.NextValue(); !errors.Is(err, pdu.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReader walks through anything; it must end, and must not take memory on
// the word of a length.
func FuzzReader(f *testing.F) {
	for name := range goldens {
		f.Add(golden(f, name))
	}
	in := bufio.NewReaderSize(nil, 4096)
	f.Fuzz(func(t *testing.T, b []byte) {
		dimsetest.Bounded(t, len(b), func() {
			in.Reset(bytes.NewReader(b))
			walk(pdu.NewReader(in))
		})
	})
}

func walk(r *pdu.Reader) {
	for {
		kind, err := r.Next()
		if err != nil {
			return
		}
		if kind != pdu.TypeData {
			_, _ = r.Control() // ends an association, or begins it
			return
		}
		for {
			v, ok, err := r.NextValue()
			if err != nil {
				return
			}
			if !ok {
				break
			}
			if v.Command {
				_, _ = r.WriteTo(io.Discard)
			}
		}
	}
}

func BenchmarkWriteMessage(b *testing.B) {
	w, err := pdu.NewWriter(io.Discard, 0)
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 525<<10)
	command := make([]byte, 150)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.WriteMessage(1, command, bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
