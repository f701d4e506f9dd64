package dimse_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// discard is a StoreHandler that reads and forgets.
var discard = storeFunc(func(_ context.Context, i *dimse.Instance) error {
	_, err := io.Copy(io.Discard, i.Data)
	return err
})

// BenchmarkStore sends instances of several sizes over one association on
// loopback, one after another.
func BenchmarkStore(b *testing.B) {
	for _, size := range []int{0, 19 << 10, 525 << 10, 8 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			a := dial(b, serve(b, &dimse.Server{Handlers: dimse.Handlers{Store: discard}}), propose(uid.CTImageStorage))
			data := pattern(size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Store(context.Background(), storeOf(data)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "instances/s")
		})
	}
}

func storeOf(data []byte) dimse.StoreRequest {
	return dimse.StoreRequest{
		SOPClass: uid.CTImageStorage, SOPInstance: "1.2.3.4", TransferSyntax: uid.ExplicitLE,
		Data: bytes.NewReader(data), Size: int64(len(data)),
	}
}

// BenchmarkEcho is the cost of a message and its answer.
func BenchmarkEcho(b *testing.B) {
	a := dial(b, serve(b, &dimse.Server{}), propose(uid.Verification))
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Echo(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
