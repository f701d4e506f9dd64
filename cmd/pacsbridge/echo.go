package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"pacsbridge/dimse/uid"
)

func newEchoCommand(p *program) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "echo [old|new]",
		Short: "Ask the PACS whether they answer (C-ECHO)",
		Args:  cobra.MaximumNArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			settings, err := p.settings()
			if err != nil {
				return err
			}
			chosen, err := peers(settings, args)
			if err != nil {
				return err
			}
			results := make([]echoResult, len(chosen))
			for i, peer := range chosen {
				results[i] = echo(command.Context(), peer, p.log)
			}
			if err := printEchoes(p.stdout, results, asJSON); err != nil {
				return err
			}
			return echoVerdict(results)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return command
}

// echoResult is what one peer answered.
type echoResult struct {
	Peer         string  `json:"peer"`
	AETitle      string  `json:"ae_title"`
	Address      string  `json:"address"`
	OK           bool    `json:"ok"`
	Milliseconds float64 `json:"ms"` // association, C-ECHO and release together
	Error        string  `json:"error,omitempty"`
	Hint         string  `json:"hint,omitempty"`
}

func echo(ctx context.Context, p peer, log *slog.Logger) echoResult {
	begin := time.Now()
	err := echoOnce(ctx, p, log)
	result := echoResult{
		Peer: p.name, AETitle: p.AETitle, Address: p.Address, OK: err == nil,
		Milliseconds: float64(time.Since(begin).Microseconds()) / 1000,
	}
	if err != nil {
		result.Error = err.Error()
		var hinted *hintedError
		if errors.As(err, &hinted) {
			result.Hint = hinted.hint
		}
	}
	return result
}

func echoOnce(ctx context.Context, p peer, log *slog.Logger) error {
	association, err := p.dial(ctx, log, uid.Verification)
	if err != nil {
		return err
	}
	if err := association.Echo(ctx); err != nil {
		_ = association.Abort() // what went wrong before says it all
		return p.explain(err)
	}
	return p.explain(association.Release(ctx))
}

func printEchoes(w io.Writer, results []echoResult, asJSON bool) error {
	if asJSON {
		return printJSON(w, results)
	}
	for _, r := range results {
		if r.OK {
			fmt.Fprintf(w, "%s  %s at %s  answered in %.1f ms\n", r.Peer, r.AETitle, r.Address, r.Milliseconds)
			continue
		}
		fmt.Fprintf(w, "%s  %s\n", r.Peer, printable(r.Error))
		if r.Hint != "" {
			fmt.Fprintf(w, "     hint: %s\n", r.Hint)
		}
	}
	return nil
}

func echoVerdict(results []echoResult) error {
	silent := 0
	for _, r := range results {
		if !r.OK {
			silent++
		}
	}
	if silent == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d PACS did not answer", silent, len(results))
}
