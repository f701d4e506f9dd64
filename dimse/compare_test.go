package dimse_test

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// BenchmarkAgainstDCMTK sends the same instances over one association by
// storescu → storescp, by us → storescp, by storescu → us and by us → us, in
// turn, and reports the medians and what they are to DCMTK's own pair. storescp
// forgets what it receives, as our side does. Each benchmark iteration is one
// round.
func BenchmarkAgainstDCMTK(b *testing.B) {
	for _, nagle := range []bool{false, true} {
		for _, corpus := range []struct {
			name    string
			size, n int
		}{{"ct", 525 << 10, 400}, {"small", 19 << 10, 2000}, {"32KiB", 32 << 10, 300}} {
			state := "tuned"
			if nagle {
				state = "as-shipped"
				corpus.n = min(corpus.n, 300)
			}
			b.Run(corpus.name+"/"+state, func(b *testing.B) { comparePairs(b, nagle, corpus.size, corpus.n) })
		}
	}
}

// pairs are sender and receiver.
var pairs = []string{"dcmtk-dcmtk", "us-dcmtk", "dcmtk-us", "us-us"}

func comparePairs(b *testing.B, nagle bool, size, n int) {
	const instance = "1.2.826.0.1.3680043.10.4"
	data := image(b, instance, size)
	path := file(b, instance, data)
	theirs := dimsetest.StartStorescp(b, dimsetest.StorescpOptions{Nagle: nagle, Args: []string{"--ignore", "--max-pdu", "131072"}}).Address
	ours := serve(b, &dimse.Server{Handlers: dimse.Handlers{Store: discard}})
	took := map[string][]time.Duration{}
	for b.Loop() {
		took[pairs[0]] = append(took[pairs[0]], byStorescu(b, nagle, theirs, path, n))
		took[pairs[1]] = append(took[pairs[1]], byUs(b, theirs, data, n))
		took[pairs[2]] = append(took[pairs[2]], byStorescu(b, nagle, ours, path, n))
		took[pairs[3]] = append(took[pairs[3]], byUs(b, ours, data, n))
	}
	reference := median(took[pairs[0]])
	for _, pair := range pairs {
		d := median(took[pair])
		b.ReportMetric(float64(n)/d.Seconds(), pair+"/s")
		b.ReportMetric(reference.Seconds()/d.Seconds(), pair+"-ratio")
	}
	b.Logf("%d of %d KiB, nagle %v, MB/s: %s", n, size>>10, nagle, rates(took, size*n))
}

func rates(took map[string][]time.Duration, bytes int) (s string) {
	for _, pair := range pairs {
		d := median(took[pair])
		s += fmt.Sprintf("%s %.1f (%.2f ×)  ", pair, float64(bytes)/1e6/d.Seconds(), median(took[pairs[0]]).Seconds()/d.Seconds())
	}
	return s
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

// byStorescu measures a run of storescu less one that sends but a single
// instance, so that its start does not count.
func byStorescu(b *testing.B, nagle bool, address, path string, n int) time.Duration {
	b.Helper()
	host, port, _ := net.SplitHostPort(address)
	once := func(n int) time.Duration {
		start := time.Now()
		run(b, nagle, "storescu", "-R", "--max-pdu", "131072", "--repeat", fmt.Sprint(n), host, port, path)
		return time.Since(start)
	}
	return once(n) - once(1)
}

func byUs(b *testing.B, address string, data []byte, n int) time.Duration {
	b.Helper()
	a, ctx := dial(b, address, propose(uid.SecondaryCapture)), testContext(b)
	start := time.Now()
	for range n {
		if _, err := a.Store(ctx, dimse.StoreRequest{
			SOPClass: uid.SecondaryCapture, SOPInstance: "1.2.826.0.1.3680043.10.4", TransferSyntax: uid.ExplicitLE,
			Data: bytes.NewReader(data),
		}); err != nil {
			b.Fatal(err)
		}
	}
	d := time.Since(start)
	if err := a.Release(ctx); err != nil {
		b.Fatal(err)
	}
	return d
}
