// Command pacsbridge is the DICOM node that stands between an old and a new
// PACS and carries the whole archive across: the images, and the records and
// documents that the old system kept beside them.
//
// It is a thin layer of commands over package bridge. Each command has a file
// of its own with a constructor that root.go lists; what several commands
// need stands in files named after it (dates.go, peer.go, table.go). Settings
// are read here, by package conf, and handed to the other rooms as plain
// options.
//
//	pacsbridge init
//	pacsbridge check
//	pacsbridge migrate --from 2026-01-01 --to 2026-01-31
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its surroundings given, and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	p := &program{stdout: stdout, stderr: stderr, env: os.LookupEnv}
	return p.execute(ctx, args)
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends, so that
// the work is saved and stopped. The second one ends the process at once;
// whatever it was doing, the ledger goes on from there.
func untilSignal(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-signals:
			cancel(errInterrupted)
		case <-quit:
			return
		}
		select {
		case <-signals:
			os.Exit(exitInterrupted)
		case <-quit:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(quit)
		<-gone
		cancel(nil)
	}
}
