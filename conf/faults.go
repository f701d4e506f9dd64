package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with the settings.
type Fault struct {
	Key     string `json:"key"`     // "old.address"; "" for the file as a whole
	Problem string `json:"problem"` // what is wrong with it
	Hint    string `json:"hint"`    // how to mend it
}

// FaultsError holds everything that is wrong with a set of settings.
type FaultsError struct {
	File   string
	Faults []Fault
}

// Error lists the faults, each on a line of its own with its hint below.
func (e *FaultsError) Error() string {
	var b strings.Builder
	count := "1 fault"
	if len(e.Faults) != 1 {
		count = fmt.Sprintf("%d faults", len(e.Faults))
	}
	fmt.Fprintf(&b, "settings %s: %s", e.File, count)
	for _, f := range e.Faults {
		b.WriteString("\n  ")
		if f.Key != "" {
			b.WriteString(f.Key + ": ")
		}
		b.WriteString(f.Problem)
		if f.Hint != "" {
			b.WriteString("\n      " + f.Hint)
		}
	}
	return b.String()
}

// faultList gathers faults and keeps the first one of each key: what follows
// from a value that could not be read is no news.
type faultList struct {
	list  []Fault
	known map[string]bool
}

func (l *faultList) add(key, problem, hint string) {
	if l.known == nil {
		l.known = make(map[string]bool)
	}
	if l.known[key] {
		return
	}
	l.known[key] = true
	l.list = append(l.list, Fault{Key: key, Problem: problem, Hint: hint})
}

// has tells whether the key, or the list or section it stands in, is faulty
// already.
func (l *faultList) has(key string) bool {
	for key != "" {
		if l.known[key] {
			return true
		}
		key = parent(key)
	}
	return false
}

func (l *faultList) err(file string) error {
	if len(l.list) == 0 {
		return nil
	}
	slices.SortStableFunc(l.list, func(a, b Fault) int { return position(a.Key) - position(b.Key) })
	return &FaultsError{File: file, Faults: l.list}
}

// position puts faults in the order of the settings; unknown sections come
// first, since they are likely to be the cause of what follows.
func position(name string) int {
	names := knownNames()
	for name != "" {
		if at := slices.Index(names, listIndex.ReplaceAllString(name, "[]")); at >= 0 {
			return at
		}
		name = parent(name)
	}
	return -1
}

// parent is the list or section that a key stands in.
func parent(name string) string { return name[:max(strings.LastIndexAny(name, ".["), 0)] }
