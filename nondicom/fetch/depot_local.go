package fetch

import (
	"errors"
	"os"
	"path/filepath"
)

// settle has a published file of a folder reach the disk: its ledger says that
// it is there, and a power cut must not make that untrue. Servers answer for
// themselves.
func (d *Depot) settle(name string) error {
	if d.at.backend != "local" {
		return nil
	}
	path := filepath.Join(d.at.root, filepath.FromSlash(name))
	for _, part := range []string{path, filepath.Dir(path)} {
		if err := syncFile(part); err != nil {
			return located(name, localError(err))
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
