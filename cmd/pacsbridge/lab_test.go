package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse/dimsetest"
)

// lab is two archives in memory and the settings of a bridge between them.
type lab struct {
	t        *testing.T
	old, new *dimsetest.Archive
	own      string // our address
	dir      string
	config   string
}

// newLab fills OLD with so many seeded studies of January 2026. Further settings
// are lines of YAML.
func newLab(t *testing.T, studies int, settings ...string) *lab {
	t.Helper()
	own := dimsetest.Peer{AE: "PACSBRIDGE", Address: dimsetest.FreeAddress(t)}
	l := &lab{t: t, own: own.Address, dir: t.TempDir(), old: startArchive(t, "OLDPACS"), new: startArchive(t, "NEWPACS")}
	l.old.AddDestination(own.AE, own.Address)
	for _, s := range dimsetest.Corpus(7, studies, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 31) {
		if err := l.old.Add(s.Objects...); err != nil {
			t.Fatal(err)
		}
	}
	l.config = filepath.Join(l.dir, "pacsbridge.yaml")
	l.write(fmt.Sprintf(`node: {ae_title: %s, listen: %q}
old: {ae_title: OLDPACS, address: %q}
new: {ae_title: NEWPACS, address: %q}
staging: {url: "sqlite:%s/staging.db", spool: "%s/spool", memory: 32MB}
%s
`, own.AE, own.Address, l.old.Peer().Address, l.new.Peer().Address, l.dir, l.dir, strings.Join(settings, "\n")))
	return l
}

func startArchive(t *testing.T, ae string) *dimsetest.Archive {
	t.Helper()
	archive := dimsetest.NewArchive(ae)
	archive.Keep = 1 << 20
	if _, err := archive.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { archive.Close() })
	return archive
}

func (l *lab) write(settings string) {
	l.t.Helper()
	if err := os.WriteFile(l.config, []byte(settings), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// edit replaces text in the settings.
func (l *lab) edit(from, to string) {
	l.t.Helper()
	text, err := os.ReadFile(l.config)
	if err != nil || !bytes.Contains(text, []byte(from)) {
		l.t.Fatalf("no %q in the settings (%v)", from, err)
	}
	l.write(strings.Replace(string(text), from, to, 1))
}

// run runs a command in this process and demands its exit code.
func (l *lab) run(code int, args ...string) (stdout, stderr string) {
	l.t.Helper()
	var out, log bytes.Buffer
	p := &program{stdout: &out, stderr: &log, env: func(string) (string, bool) { return "", false }}
	if got := p.execute(l.t.Context(), append(args, "--config", l.config)); got != code {
		l.t.Fatalf("pacsbridge %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &log)
	}
	return out.String(), log.String()
}

var january = []string{"migrate", "--from", "2026-01-01", "--to", "2026-01-31"}

// arrived demands that NEW holds what OLD holds, byte for byte.
func (l *lab) arrived() {
	l.t.Helper()
	if diff := cmp.Diff(l.old.Digests(), l.new.Digests()); diff != "" {
		l.t.Errorf("NEW differs from OLD (-old +new):\n%s", diff)
	}
}

// builtFolder is where builtProgram has put the program.
var builtFolder string

// builtProgram builds pacsbridge as it is shipped, once for all tests, without
// what the race detector adds to its memory and its time.
var builtProgram = sync.OnceValues(func() (string, error) {
	var err error
	if builtFolder, err = os.MkdirTemp("", "pacsbridge-test-"); err != nil {
		return "", err
	}
	path := filepath.Join(builtFolder, "pacsbridge")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// start starts a command as a process of its own.
func (l *lab) start(args ...string) *process {
	l.t.Helper()
	path, err := builtProgram()
	if err != nil {
		l.t.Fatal(err)
	}
	p := newProcess(l.t, path, append(args, "--config", l.config)...)
	p.Stderr = &p.log
	p.begin()
	return p
}

// process is pacsbridge in a process of its own.
type process struct {
	*exec.Cmd
	t        *testing.T
	out, log bytes.Buffer
	drained  sync.WaitGroup // whoever else reads its log
}

func newProcess(t *testing.T, path string, args ...string) *process {
	p := &process{t: t, Cmd: exec.Command(path, args...)}
	p.Stdout = &p.out
	return p
}

func (p *process) begin() {
	p.t.Helper()
	if err := p.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.Process.Kill() })
}

// ended waits for its end and demands its exit code.
func (p *process) ended(code int) {
	p.t.Helper()
	p.drained.Wait()
	p.Wait()
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("%v: exit code %d, want %d\n%s%s", p.Args, got, code, &p.out, &p.log)
	}
}
