package main

import (
	"context"
	"errors"
	"fmt"

	"pacsbridge/conf"
)

// The exit codes, as --help lists them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitIncomplete  = 3
	exitInterrupted = 130
)

const exitCodesHelp = `
Exit codes:
  0    all went well
  1    the run itself failed
  2    bad usage or settings
  3    ran to its end, but some studies failed or differ
  130  interrupted; the work is saved
`

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted; the work is saved, the same command goes on")

// exitError is an error that decides the exit code by itself.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usagef is a fault in how the program was called.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// incompletef is the end of a run that did all it could, but not everything.
func incompletef(format string, args ...any) error {
	return &exitError{exitIncomplete, fmt.Errorf(format, args...)}
}

// hintedError is an error with a word on how to mend it.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// withHint adds a hint to err, unless either is missing.
func withHint(err error, hint string) error {
	if err == nil || hint == "" {
		return err
	}
	return &hintedError{err, hint}
}

// exitCode decides how the process ends. started tells whether a command got
// to run at all: what goes wrong before that is how it was called.
func exitCode(ctx context.Context, err error, started bool) int {
	var own *exitError
	var faults *conf.FaultsError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(context.Cause(ctx), errInterrupted):
		return exitInterrupted
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &faults), !started:
		return exitUsage
	}
	return exitFailed
}
