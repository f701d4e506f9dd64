package dimsetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// toolWithin bounds one run of a command line tool.
const toolWithin = 5 * time.Minute

// noDelay switches Nagle's algorithm off in DCMTK and in what is built on it.
const noDelay = "TCP_NODELAY=1"

// environment is that of a server: ours, with Nagle's algorithm off unless it is
// asked for.
func environment(cmd *exec.Cmd, nagle bool) []string {
	if nagle {
		return slices.DeleteFunc(cmd.Environ(), func(v string) bool { return v == noDelay })
	}
	return append(cmd.Environ(), noDelay)
}

// Output is what a command line tool said, and how it ended.
type Output struct {
	Command        string
	Stdout, Stderr string
	ExitCode       int // -1: it was killed
}

// String shows the command (the beginning of a long one), its exit code and
// all it wrote.
func (o Output) String() string {
	return fmt.Sprintf("%.200s: exit code %d\n%s%s", o.Command, o.ExitCode, o.Stdout, o.Stderr)
}

// Need fails the test unless the tool ended with exit code 0.
func (o Output) Need(tb testing.TB) Output {
	tb.Helper()
	if o.ExitCode != 0 {
		tb.Fatal(o)
	}
	return o
}

// DCMTK runs one of DCMTK's tools to its end. A bad exit code does not fail the
// test, and a good one proves little: movescu exits 0 on an aborted retrieve.
func DCMTK(tb testing.TB, tool string, args ...string) Output {
	tb.Helper()
	return runTool(tb, exec.Command(Program(tb, tool, "dcmtk"), args...), false)
}

// DCMTKWithNagle is DCMTK with Nagle's algorithm left on, as the tools are
// shipped.
func DCMTKWithNagle(tb testing.TB, tool string, args ...string) Output {
	tb.Helper()
	return runTool(tb, exec.Command(Program(tb, tool, "dcmtk"), args...), true)
}

// SendFiles stores Part 10 files at a peer, each in the transfer syntax it has, by
// DCMTK's dcmsend. What the peer or the tool refuses is left out; the output
// tells.
func SendFiles(tb testing.TB, to Peer, files ...string) Output {
	tb.Helper()
	args := []string{"--verbose", "--no-halt", "--no-uid-checks", "--decompress-never", "--call", to.AE, to.Host(), to.Port()}
	return DCMTK(tb, "dcmsend", append(args, files...)...)
}

// Dciodvfy returns the errors (not the warnings) that dicom3tools' dciodvfy
// finds in a DICOM file.
func Dciodvfy(tb testing.TB, file string) []string {
	tb.Helper()
	out := runTool(tb, exec.Command(Program(tb, "dciodvfy", "dicom3tools"), file), false)
	var faults []string
	for line := range strings.Lines(out.Stdout + out.Stderr) {
		if strings.HasPrefix(line, "Error") {
			faults = append(faults, strings.TrimSpace(line))
		}
	}
	return faults
}

func runTool(tb testing.TB, cmd *exec.Cmd, nagle bool) Output {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolWithin)
	defer cancel()
	bounded := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	bounded.Env = environment(bounded, nagle)
	var stdout, stderr bytes.Buffer
	bounded.Stdout, bounded.Stderr = &stdout, &stderr
	err := bounded.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		tb.Fatalf("run %s: %v", cmd.Path, err)
	}
	return Output{
		Command:  strings.Join(cmd.Args, " "),
		Stdout:   stdout.String(),
		Stderr:   stderr.String(),
		ExitCode: bounded.ProcessState.ExitCode(),
	}
}
