package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Check reports whether the spool holds content with this SHA-256 under a name.
// A file of an earlier process is read for it. Content with another digest is
// not what the ledger knows: it is removed, so that the right one can come in.
func (s *Spool) Check(group, name, sha256 string) (bool, error) {
	r, blob, err := s.Open(group, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	if blob.SHA256 == "" {
		if blob.SHA256, err = digestOf(r); err != nil {
			return false, fmt.Errorf("spool: check %s of %s: %w", name, group, err)
		}
		s.learn(group, name, blob.SHA256)
	}
	if blob.SHA256 == sha256 {
		return true, nil
	}
	s.log.Warn("spooled content is not what the ledger knows and was removed", "study", group, "object", name)
	return false, s.Remove(group, name)
}

func digestOf(r io.Reader) (string, error) {
	digest := sha256.New()
	if _, err := io.Copy(digest, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// learn records the digest of content that an earlier process had written.
func (s *Spool) learn(group, name, digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.groups[hash(group)][hash(name)]; e != nil && e.sha256 == "" {
		e.sha256 = digest
	}
}

// Remove removes content. That there is none is no error.
func (s *Spool) Remove(group, name string) error {
	g, n := hash(group), hash(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.groups[g][n]
	if e == nil {
		return nil
	}
	if e.inFile {
		if err := s.files.remove(g, n); err != nil {
			return diskError("spool: remove "+name+" of "+group, err)
		}
	}
	s.drop(g, n)
	return nil
}

// RemoveGroup removes everything of a group. Writers that are under way are not
// touched by it.
func (s *Spool) RemoveGroup(group string) error {
	s.mu.Lock()
	gone, err := s.hide(hash(group))
	s.mu.Unlock()
	if err == nil {
		err = os.RemoveAll(gone) // "" is nothing
	}
	return diskError("spool: remove "+group, err)
}

// hide takes a group out of the books and its files out of sight; s.mu is held. What it
// returns is to be deleted without the lock: a study may have thousands of files.
func (s *Spool) hide(group string) (gone string, err error) {
	inFiles := false
	for _, e := range s.groups[group] {
		inFiles = inFiles || e.inFile
	}
	if inFiles {
		if gone, err = s.files.discard(group); err != nil {
			return "", err
		}
	}
	for name := range s.groups[group] {
		s.drop(group, name)
	}
	return gone, nil
}
