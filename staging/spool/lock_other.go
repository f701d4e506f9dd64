//go:build !unix

package spool

import (
	"os"
	"path/filepath"
)

// lockFolder holds no lock here: the system has none that ends with the process.
func lockFolder(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
}
