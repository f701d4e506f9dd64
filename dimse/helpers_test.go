package dimse_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		victim()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every test that could hang.
const patience = 30 * time.Second

// prompt is what takes milliseconds, on a machine that is busy.
const prompt = 2 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve runs a server on loopback until the test ends and returns its address.
func serve(t testing.TB, server *dimse.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return listener.Addr().String()
}

// dial opens an association that is aborted when the test ends.
func dial(t testing.TB, address string, proposals ...dimse.Proposal) *dimse.Association {
	t.Helper()
	dialer := dimse.Dialer{Address: address, CallingAE: "USER", CalledAE: "PROVIDER"}
	a, err := dialer.Dial(testContext(t), proposals)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Abort()
		<-a.Done()
	})
	return a
}

func propose(sopClass string, syntaxes ...string) dimse.Proposal {
	if len(syntaxes) == 0 {
		syntaxes = []string{uid.ExplicitLE}
	}
	return dimse.Proposal{SOPClass: sopClass, TransferSyntaxes: syntaxes}
}

// storeFunc makes a function a StoreHandler.
type storeFunc func(context.Context, *dimse.Instance) error

func (f storeFunc) Store(ctx context.Context, i *dimse.Instance) error { return f(ctx, i) }

// kept is what a keeper has received.
type kept struct {
	dimse.Instance
	data []byte
}

// keeper is a StoreHandler that keeps everything in memory.
type keeper struct {
	mu  sync.Mutex
	all []kept
}

func (k *keeper) Store(_ context.Context, i *dimse.Instance) error {
	b, err := io.ReadAll(i.Data)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, kept{Instance: *i, data: b})
	return nil
}

func (k *keeper) instances() []kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]kept(nil), k.all...)
}

// pattern is data that shows any byte lost or out of place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16*29)
	}
	return b
}

// echoWithin associates, echoes and releases.
func echoWithin(t testing.TB, address string, limit time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := echo(ctx, address); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	if took > limit && !raceDetector {
		t.Errorf("an echo took %v", took)
	}
	return took
}

func echo(ctx context.Context, address string) error {
	dialer := dimse.Dialer{Address: address, CallingAE: "USER", CalledAE: "PROVIDER"}
	a, err := dialer.Dial(ctx, []dimse.Proposal{propose(uid.Verification, uid.ImplicitLE)})
	if err != nil {
		return err
	}
	return errors.Join(a.Echo(ctx), a.Release(ctx))
}
