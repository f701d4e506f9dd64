package spool

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// files knows the layout of the folder: content as ab/abcd…/ef01…, named by the
// hashes of its group and name, below folders for the first two digits of the
// group; what is not whole, or being removed, in tmp.
type files struct{ dir string }

const temporary = "tmp"

// hash turns a name into one that is safe as a file's, and of fixed length.
func hash(name string) string {
	digest := sha256.Sum256([]byte(name))
	return hex.EncodeToString(digest[:16])
}

func (f files) group(group string) string { return filepath.Join(f.dir, group[:2], group) }

func (f files) path(group, name string) string { return filepath.Join(f.group(group), name) }

// create makes a file for content that is not whole yet; its mode lets nobody
// but the owner read it.
func (f files) create() (*os.File, error) {
	return os.CreateTemp(filepath.Join(f.dir, temporary), "part-*")
}

// publish gives whole content its name.
func (f files) publish(path, group, name string) error {
	if err := os.MkdirAll(f.group(group), 0o700); err != nil {
		return err
	}
	return os.Rename(path, f.path(group, name))
}

// remove removes one file, and the group's folder with the last one.
func (f files) remove(group, name string) error {
	err := os.Remove(f.path(group, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	os.Remove(f.group(group)) // refused while there are others in it
	return nil
}

// discard takes a whole group out of sight at once and returns where it went,
// to be deleted at leisure; "" where there was none. It makes nothing new: the disk
// may be full, and this is what gives room back.
func (f files) discard(group string) (string, error) {
	gone := filepath.Join(f.dir, temporary, "gone-"+rand.Text())
	err := os.Rename(f.group(group), gone)
	if err == nil {
		return gone, nil
	}
	if _, absent := os.Lstat(f.group(group)); errors.Is(absent, fs.ErrNotExist) {
		return "", nil
	}
	return "", err
}

// sweep removes what an earlier process left half written.
func (f files) sweep() error {
	if err := os.RemoveAll(filepath.Join(f.dir, temporary)); err != nil {
		return err
	}
	return os.Mkdir(filepath.Join(f.dir, temporary), 0o700)
}

// walk visits the content an earlier process left. Anything else in the folder
// is left alone.
func (f files) walk(visit func(group, name string, size int64)) error {
	paths, err := filepath.Glob(filepath.Join(f.dir, "[0-9a-f][0-9a-f]", "*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		group := filepath.Base(path)
		if !isHash(group) {
			continue
		}
		inside, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, file := range inside {
			info, err := file.Info()
			if err != nil {
				return err
			}
			if isHash(file.Name()) && info.Mode().IsRegular() {
				visit(group, file.Name(), info.Size())
			}
		}
	}
	return nil
}

func isHash(name string) bool {
	digest, err := hex.DecodeString(name)
	return err == nil && len(digest) == 16
}
