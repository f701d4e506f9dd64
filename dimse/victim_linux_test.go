package dimse_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
)

// A victim is a server in a process of its own, so that what an attack costs it
// is not mixed with what it costs the attacker. It is this test binary, started
// again with this variable, which holds its options.
const victimVariable = "PACSBRIDGE_DIMSE_VICTIM"

// victimOptions are what its tests vary.
type victimOptions struct {
	ARTIM, Idle     time.Duration
	MaxAssociations int
}

// victimState is what it tells of itself after it has tidied up.
type victimState struct {
	Goroutines int
	LogBytes   int64
}

// victim runs in the process of its own: it tells its address, then its state
// for every line it reads, and ends at the end of its input.
func victim() {
	var options victimOptions
	if err := json.Unmarshal([]byte(os.Getenv(victimVariable)), &options); err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	var log counter
	server := &dimse.Server{
		Handlers:        dimse.Handlers{Store: discard, Find: endlessFinder{}},
		MaxAssociations: options.MaxAssociations,
		Timeouts:        dimse.Timeouts{ARTIM: options.ARTIM, Idle: options.Idle, Response: options.Idle},
		Logger:          slog.New(slog.NewTextHandler(&log, nil)),
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	fmt.Println(listener.Addr())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		runtime.GC() // pools let go of what they hold at the second collection
		debug.FreeOSMemory()
		_ = json.NewEncoder(os.Stdout).Encode(victimState{Goroutines: runtime.NumGoroutine(), LogBytes: log.n.Load()})
	}
	cancel()
	<-ended
}

// counter counts what is logged.
type counter struct{ n atomic.Int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// endlessFinder has matches for ever.
type endlessFinder struct{}

func (endlessFinder) Find(context.Context, dimse.FindQuery) iter.Seq2[*dataset.Dataset, error] {
	return func(yield func(*dataset.Dataset, error) bool) {
		match := dataset.New().SetString(dataset.StudyDescription, strings.Repeat("x", 60))
		for yield(match, nil) {
		}
	}
}

// target is the victim as its tests see it.
type target struct {
	t       testing.TB
	address string
	pid     int
	in      io.Writer
	out     *bufio.Reader
}

func startVictim(t testing.TB, options victimOptions) *target {
	t.Helper()
	b, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+string(b))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &target{t: t, pid: cmd.Process.Pid, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server died: %v", err)
		}
	})
	line, err := v.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	v.address = strings.TrimSpace(line)
	return v
}

// state makes the victim tidy up and tell.
func (v *target) state() (s victimState) {
	v.t.Helper()
	if _, err := io.WriteString(v.in, "\n"); err != nil {
		v.t.Fatal(err)
	}
	line, err := v.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	return s
}

// rss is its resident memory in bytes.
func (v *target) rss() int64 {
	v.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", v.pid))
	if err != nil {
		v.t.Skip("no /proc to read the memory of a process from")
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		v.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// descriptors is how many files and sockets it has open.
func (v *target) descriptors() int {
	v.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", v.pid))
	if err != nil {
		v.t.Fatal(err)
	}
	return len(entries)
}
