package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	// decompressLimit is how long the program may take for one instance.
	decompressLimit = 10 * time.Minute
	// lingering is how long its output is waited for after it was killed.
	lingering = time.Second
	// mostSaid is how much of what the program says is told.
	mostSaid = 200
)

// run runs the program in a process group of its own, without a shell and without our
// secrets in its environment.
func (d *Decompressor) run(ctx context.Context, p Parcel, in, out string) error {
	limit := orDefault(d.Limit, decompressLimit)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	words := slices.Clone(d.Command)
	for i, word := range words {
		words[i] = strings.ReplaceAll(strings.ReplaceAll(word, InFile, in), OutFile, out)
	}
	said := &firstBytes{left: 4 << 10}
	command := exec.CommandContext(limited, words[0], words[1:]...)
	command.Env, command.Stderr, command.WaitDelay = plainEnvironment(), said, lingering
	endTogether(command)
	err := command.Run()
	if command.Process != nil {
		_ = endGroup(command) // those that it left behind
	}
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case limited.Err() != nil && ctx.Err() == nil:
		return d.failed(p, fmt.Sprintf("it ran longer than %s", limit))
	case errors.As(err, &ended):
		return d.failed(p, strings.TrimSpace(fmt.Sprintf("%s: %s", ended, said.line())))
	}
	return d.failed(p, err.Error())
}

// plainEnvironment is what of our environment a program needs to find its files; the
// rest may hold passwords.
func plainEnvironment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DCMDICTPATH"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// firstBytes keeps the first bytes of what is written.
type firstBytes struct {
	kept bytes.Buffer
	left int
}

func (f *firstBytes) Write(b []byte) (int, error) {
	some := b[:min(len(b), f.left)]
	f.left -= len(some)
	f.kept.Write(some)
	return len(b), nil
}

// line is the first line that says something, as far as it can be printed.
func (f *firstBytes) line() string {
	for line := range strings.Lines(f.kept.String()) {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, line))
		if line != "" {
			return line[:min(len(line), mostSaid)]
		}
	}
	return ""
}
