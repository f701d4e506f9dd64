package spool_test

import (
	"io"
	"runtime"
	"testing"
)

// endless gives n bytes without holding them.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.n)
	e.n -= n
	return int(n), nil
}

func TestABigObjectTakesNoMoreMemoryThanTheBudget(t *testing.T) {
	const size, budget, beside = 256 << 20, 32 << 20, 4 << 20
	s := open(t, t.TempDir(), budget)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w, err := s.Create("g", "n")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := io.Copy(w, &endless{size}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > budget+beside {
		t.Errorf("%d bytes were allocated on the way", allocated)
	}
	if u := s.Usage(); u.Memory != 0 || u.Disk != size {
		t.Errorf("usage is %+v", u)
	}
}

func BenchmarkSpool(b *testing.B) {
	for name, memory := range map[string]int64{"memory": 64 << 20, "disk": 0} {
		b.Run(name, func(b *testing.B) {
			const size = 512 << 10 // a CT slice
			s := open(b, b.TempDir(), memory)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				w, err := s.Create("g", "n")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(w, &endless{size}); err != nil {
					b.Fatal(err)
				}
				if _, err := w.Commit(); err != nil {
					b.Fatal(err)
				}
				r, _, err := s.Open("g", "n")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
				r.Close()
				if err := s.RemoveGroup("g"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
