package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"pacsbridge/conf"
)

func newInitCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write a commented file of settings",
		Long:  "Write a commented file of settings to fill in. A file that is there already is left alone.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := writeExample(p.configPath); err != nil {
				return err
			}
			fmt.Fprintf(p.stdout, "wrote %s: fill in its first lines, then run: pacsbridge check\n", p.configPath)
			return nil
		},
	}
}

// writeExample creates the file for its owner only, since passwords may come
// to stand in it.
func writeExample(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return withHint(usagef("%s is there already", path), "move it away, or name another file with --config")
	}
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	_, err = file.WriteString(conf.Example())
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}
