package spool

import (
	"errors"
	"os"
)

// Retain removes the groups that nobody needs, and returns how many. Those that needed
// names stay, and so do those that were read or written since Retain was called last: what
// belongs to a study that was begun after needed had looked is in use before it is relied
// on. Nothing is removed where needed fails.
func (s *Spool) Retain(needed func() ([]string, error)) (removed int, err error) {
	idle := s.idle()
	if len(idle) == 0 {
		return 0, nil
	}
	groups, err := needed()
	if err != nil {
		return 0, err
	}
	for _, group := range groups {
		delete(idle, hash(group))
	}
	var failures []error
	for group := range idle {
		gone, hidden, err := s.hideIdle(group)
		if err == nil {
			err = os.RemoveAll(gone)
		}
		if err != nil {
			failures = append(failures, diskError("spool: remove what no study needs", err))
		} else if hidden {
			removed++
		}
	}
	return removed, errors.Join(failures...)
}

// idle are the groups that nobody has used since it was called last. What is used from now
// on is noted anew.
func (s *Spool) idle() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := map[string]bool{}
	for group := range s.groups {
		if !s.used[group] {
			idle[group] = true
		}
	}
	clear(s.used)
	return idle
}

// hideIdle hides a group, unless somebody uses it by now.
func (s *Spool) hideIdle(group string) (gone string, hidden bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[group] || s.groups[group] == nil {
		return "", false, nil
	}
	gone, err = s.hide(group)
	return gone, err == nil, err
}
