package dataset_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"pacsbridge/dimse/dataset"
)

// ctHeader is the data set of a real CT image, or of one like it.
func ctHeader(b *testing.B) (data []byte, ts string) {
	path := filepath.Join(pydicomData, "test_files", "CT_small.dcm")
	if _, err := os.Stat(path); err != nil {
		return image(b, explicitLE, 32<<10), explicitLE
	}
	meta, data := body(b, path)
	return data, meta.TransferSyntaxUID
}

func BenchmarkPeekCT(b *testing.B) {
	data, ts := ctHeader(b)
	b.ReportAllocs()
	for b.Loop() {
		head, _, err := dataset.Peek(bytes.NewReader(data), ts, dataset.SeriesNumber)
		if err != nil || !head.Has(dataset.StudyInstanceUID) {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadHeaderCT(b *testing.B) {
	data, ts := ctHeader(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dataset.ReadHeader(bytes.NewReader(data), ts, dataset.PixelData, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckCT(b *testing.B) {
	data, ts := ctHeader(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dataset.Check(bytes.NewReader(data), ts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckLarge(b *testing.B) {
	for name, ts := range map[string]string{"native": explicitLE, "deflated": deflatedLE} {
		b.Run(name, func(b *testing.B) {
			data := image(b, ts, 64<<20)
			b.SetBytes(64 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := dataset.Check(struct{ io.Reader }{bytes.NewReader(data)}, ts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckManyElements(b *testing.B) {
	for name, ts := range map[string]string{"explicit": explicitLE, "implicit": implicitLE} {
		b.Run(name, func(b *testing.B) {
			data, err := sample().AppendTo(nil, ts)
			if err != nil {
				b.Fatal(err)
			}
			data = bytes.Repeat(data, 4096)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := dataset.Check(bytes.NewReader(data), ts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeIdentifier(b *testing.B) {
	data, err := sample().AppendTo(nil, implicitLE)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dataset.Decode(data, implicitLE); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendTo(b *testing.B) {
	d := sample()
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buffer, err = d.AppendTo(buffer[:0], implicitLE); err != nil {
			b.Fatal(err)
		}
	}
}
