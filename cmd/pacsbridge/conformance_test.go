package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"pacsbridge/conf"
)

// TestConformanceStatementNamesTheSettings keeps the configuration section of the conformance
// statement equal to the settings of the node and its two peers.
func TestConformanceStatementNamesTheSettings(t *testing.T) {
	b, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "## 3. Configuration")
	section, _, _ = strings.Cut(section, "\n## ")
	notNetwork := []string{".hours", ".rate"} // when and how fast, not what is spoken
	for _, name := range append(append(networkKeys("node", conf.Node{}), networkKeys("old", conf.OldPeer{})...), networkKeys("new", conf.NewPeer{})...) {
		known := strings.Contains(section, "`"+name+"`")
		for _, suffix := range notNetwork {
			known = known || strings.HasSuffix(name, suffix)
		}
		if !known {
			t.Errorf("the conformance statement does not name %s", name)
		}
	}
}

// networkKeys are the keys of a part of the settings.
func networkKeys(prefix string, part any) (names []string) {
	kind := reflect.TypeOf(part)
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		if option == "squash" {
			names = append(names, networkKeys(prefix, reflect.Zero(field.Type).Interface())...)
			continue
		}
		names = append(names, prefix+"."+name)
	}
	return names
}
