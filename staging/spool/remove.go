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
	return diskError("spool: remove "+group, s.removeGroup(hash(group)))
}

func (s *Spool) removeGroup(group string) error {
	gone, err := s.hideGroup(group)
	if err != nil || gone == "" {
		return err
	}
	return os.RemoveAll(gone) // without the lock: a study may have thousands of files
}

// hideGroup takes a group out of the books and its files out of sight.
func (s *Spool) hideGroup(group string) (gone string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
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

// Retain removes every group but the named ones: at its start a node keeps what
// belongs to studies that are still open.
func (s *Spool) Retain(groups []string) error {
	keep := make(map[string]bool, len(groups))
	for _, group := range groups {
		keep[hash(group)] = true
	}
	s.mu.Lock()
	var remove []string
	for group := range s.groups {
		if !keep[group] {
			remove = append(remove, group)
		}
	}
	s.mu.Unlock()
	for _, group := range remove {
		if err := s.removeGroup(group); err != nil {
			return diskError("spool: remove what no open study needs", err)
		}
	}
	return nil
}
