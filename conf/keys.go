package conf

import (
	"reflect"
	"regexp"
	"strings"
)

// key is one thing that can be set: its name as in the file, and its type.
type key struct {
	name string
	kind reflect.Type
}

// variable is the key's name in the environment.
func (k key) variable() string {
	return "PACSBRIDGE_" + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// allKeys are the keys of Settings in the order of its fields. A list is one
// key; what its entries hold is not listed.
func allKeys() []key { return structKeys(reflect.TypeFor[Settings](), "") }

func structKeys(t reflect.Type, prefix string) []key {
	var keys []key
	for i := range t.NumField() {
		field := t.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		switch {
		case option == "squash":
			keys = append(keys, structKeys(field.Type, prefix)...)
		case field.Type.Kind() == reflect.Struct:
			keys = append(keys, structKeys(field.Type, prefix+name+".")...)
		default:
			keys = append(keys, key{prefix + name, field.Type})
		}
	}
	return keys
}

// unknownKeys are those of the names that no setting has, as far as the part that is
// not known.
func unknownKeys(names []string) []string {
	settings, sections := map[string]bool{}, map[string]bool{}
	for _, k := range allKeys() {
		settings[k.name] = true
		for i := range k.name {
			if k.name[i] == '.' {
				sections[k.name[:i]] = true
			}
		}
	}
	var unknown []string
	for _, name := range names {
		prefix, rest, deeper := strings.Cut(name, ".")
		for deeper && sections[prefix] && !settings[prefix] {
			var part string
			part, rest, deeper = strings.Cut(rest, ".")
			prefix += "." + part
		}
		if !settings[prefix] && !sections[prefix] {
			unknown = append(unknown, prefix)
		}
	}
	return unknown
}

// knownNames are the names an operator may have meant when he wrote an
// unknown one: every key, every section, and the keys of list entries.
func knownNames() []string {
	var names []string
	seen := make(map[string]bool)
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, k := range allKeys() {
		for i, r := range k.name {
			if r == '.' {
				add(k.name[:i])
			}
		}
		add(k.name)
		if k.kind.Kind() == reflect.Slice && k.kind.Elem().Kind() == reflect.Struct {
			for _, entry := range structKeys(k.kind.Elem(), k.name+"[].") {
				add(entry.name)
			}
		}
	}
	return names
}

// nearest is the known name closest to an unknown one, or "" when none comes
// near. A right name in a wrong section is near too.
func nearest(unknown string) string {
	unknown = listIndex.ReplaceAllString(unknown, "[]")
	best, bestDistance := "", len(leaf(unknown))/3+2
	for _, name := range knownNames() {
		d := min(distance(unknown, name), distance(leaf(unknown), leaf(name))+1)
		if d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// listIndex is the place of an entry in a list, which known names leave open.
var listIndex = regexp.MustCompile(`\[\d+\]`)

func leaf(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// distance counts the single-letter changes between two words (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
