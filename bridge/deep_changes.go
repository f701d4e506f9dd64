package bridge

import (
	"fmt"
	"slices"
	"strings"
)

// changes is in what two data sets of one instance differ.
type changes struct {
	changed, added, removed []string // paths of attributes
	pixels                  string   // what is wrong with the pixel data; "" when they are identical
}

// compareFingerprints tells in what now differs from the original.
func compareFingerprints(original, now *fingerprint) changes {
	var c changes
	for path, was := range original.attributes {
		is, there := now.attributes[path]
		switch {
		case !there:
			c.removed = append(c.removed, path)
		case !was.equal(is):
			c.changed = append(c.changed, path)
		}
	}
	for path := range now.attributes {
		if _, there := original.attributes[path]; !there {
			c.added = append(c.added, path)
		}
	}
	for _, paths := range [][]string{c.changed, c.added, c.removed} {
		slices.Sort(paths)
	}
	c.pixels = comparePixels(original, now)
	return c
}

func comparePixels(original, now *fingerprint) string {
	switch {
	case original.pixels == now.pixels:
		return ""
	case now.pixels == "":
		return "the pixel data are gone"
	case original.pixels == "":
		return "pixel data that were not there"
	case original.encapsulated != now.encapsulated || now.encapsulated && original.TransferSyntax != now.TransferSyntax:
		return fmt.Sprintf("pixel data in transfer syntax %s instead of %s, which are not comparable byte by byte", now.TransferSyntax, original.TransferSyntax)
	}
	return "pixel data differ"
}

// none reports whether both say the same.
func (c changes) none() bool {
	return c.pixels == "" && len(c.changed)+len(c.added)+len(c.removed) == 0
}

// only reports whether nothing differs but attributes that may: those named, with all
// that is in them.
func (c changes) only(allowed map[string]bool) bool {
	if c.pixels != "" {
		return false
	}
	for path := range c.paths() {
		name, _, _ := strings.Cut(path, "[")
		if !allowed[name] {
			return false
		}
	}
	return true
}

func (c changes) paths() map[string]bool {
	paths := map[string]bool{}
	for _, some := range [][]string{c.changed, c.added, c.removed} {
		for _, path := range some {
			paths[path] = true
		}
	}
	return paths
}

// mostNames is how many attributes a text names of each sort.
const mostNames = 20

// String names the attributes, never their values: those belong to the patient.
func (c changes) String() string {
	var parts []string
	for _, sort := range []struct {
		what  string
		paths []string
	}{{"changed", c.changed}, {"added", c.added}, {"removed", c.removed}} {
		if n := len(sort.paths); n > mostNames {
			parts = append(parts, fmt.Sprintf("%s %s and %d more", sort.what, strings.Join(sort.paths[:mostNames], ", "), n-mostNames))
		} else if n > 0 {
			parts = append(parts, sort.what+" "+strings.Join(sort.paths, ", "))
		}
	}
	if c.pixels == "" {
		return strings.Join(append(parts, "pixel data identical"), "; ")
	}
	return strings.Join(append(parts, c.pixels), "; ")
}

// AttributeNames are names of attributes in the form in which differences name them.
func AttributeNames(names []string) (map[string]bool, error) {
	allowed := map[string]bool{}
	for _, name := range names {
		tag, ok := findTag(name)
		if !ok {
			return nil, fmt.Errorf("%q is no attribute: write it as PatientName or 0010,0010", name)
		}
		allowed[tagName(tag)] = true
	}
	return allowed, nil
}
