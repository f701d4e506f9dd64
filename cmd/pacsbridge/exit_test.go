package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"pacsbridge/conf"
)

func TestErrorsDecideTheExitCode(t *testing.T) {
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	for _, c := range []struct {
		name    string
		ctx     context.Context
		err     error
		started bool
		want    int
	}{
		{"no error", t.Context(), nil, true, exitOK},
		{"any error", t.Context(), errors.New("disk on fire"), true, exitFailed},
		{"any error before a command ran", t.Context(), errors.New("unknown flag"), false, exitUsage},
		{"a fault of usage, deep inside", t.Context(), fmt.Errorf("x: %w", usagef("no such day")), true, exitUsage},
		{"a fault of usage with a hint", t.Context(), withHint(usagef("no such day"), "try another"), true, exitUsage},
		{"settings that will not do", t.Context(), fmt.Errorf("x: %w", &conf.FaultsError{}), true, exitUsage},
		{"some studies failed", t.Context(), incompletef("3 studies failed"), true, exitIncomplete},
		{"an error after a signal", interrupted, errors.New("cancelled"), true, exitInterrupted},
		{"an orderly end after a signal", interrupted, nil, true, exitOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := exitCode(c.ctx, c.err, c.started); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
}

func TestTheFirstSignalEndsTheContext(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		ctx, stop := untilSignal(t.Context())
		if err := syscall.Kill(os.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, errInterrupted) {
			t.Errorf("after %v the cause is %v", signal, cause)
		}
		stop()
	}
}
