package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"pacsbridge/conf"
)

// commands are the constructors of all commands, in the order of --help. A
// new command adds its own here and nothing else.
var commands = []func(*program) *cobra.Command{
	newInitCommand,
	newCheckCommand,
	newDiscoverCommand,
	newPlanCommand,
	newMigrateCommand,
	newServeCommand,
	newVerifyCommand,
	newStatusCommand,
	newFailedCommand,
	newRetryCommand,
	newPauseCommand,
	newResumeCommand,
	newPrioritiseCommand,
	newReportCommand,
	newCertificateCommand,
	newArchiveCommand,
	newEchoCommand,
	newFindCommand,
	newDemoCommand,
}

// The commands stand in the order of their use, not of the alphabet.
func init() { cobra.EnableCommandSorting = false }

// program is one run of pacsbridge: its flags, and where it reads and prints.
type program struct {
	stdout, stderr io.Writer
	env            conf.Lookup

	configPath string
	verbose    bool
	logFormat  string

	started bool // a command got to run
	log     *slog.Logger
}

// execute runs the command that args name and returns the exit code.
func (p *program) execute(ctx context.Context, args []string) int {
	root := p.rootCommand()
	root.SetArgs(args)
	called, err := root.ExecuteContextC(ctx)
	code := exitCode(ctx, err, p.started)
	if err != nil {
		p.complain(ctx, called, err)
	}
	return code
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pacsbridge",
		Short: "Carries the whole archive of an old PACS into a new one",
		Long: "pacsbridge stands between an old and a new PACS and carries the whole archive across:\n" +
			"the images, and the records and documents kept beside them. Start with: pacsbridge init",
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return p.start() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetHelpTemplate(root.HelpTemplate() + exitCodesHelp)

	flags := root.PersistentFlags()
	flags.StringVar(&p.configPath, "config", "pacsbridge.yaml", "file of settings")
	flags.BoolVarP(&p.verbose, "verbose", "v", false, "log the details as well")
	flags.StringVar(&p.logFormat, "log-format", "text", "how to log to stderr: text or json")
	for _, construct := range commands {
		root.AddCommand(construct(p))
	}
	withProfiles(root)
	return root
}

// start prepares what every command needs, after its flags have been read.
func (p *program) start() error {
	log, err := newLogger(p.stderr, p.logFormat, p.verbose)
	if err != nil {
		return err
	}
	p.log, p.started = log, true
	return nil
}

// settings reads and checks the file of settings and the environment.
func (p *program) settings() (*conf.Settings, error) {
	return conf.Load(p.configPath, p.env)
}

// complain tells the operator on stderr what went wrong and what may help.
func (p *program) complain(ctx context.Context, called *cobra.Command, err error) {
	if errors.Is(context.Cause(ctx), errInterrupted) {
		err = errInterrupted
	}
	fmt.Fprintf(p.stderr, "pacsbridge: %v\n", err)
	var hinted *hintedError
	switch {
	case errors.As(err, &hinted):
		fmt.Fprintf(p.stderr, "  hint: %s\n", hinted.hint)
	case !p.started:
		fmt.Fprintf(p.stderr, "  hint: %s --help\n", called.CommandPath())
	}
}
