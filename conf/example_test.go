package conf

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T, text string) *Settings {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pacsbridge.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := Load(path, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// optional finds the commented lines that hold a setting.
var optional = regexp.MustCompile(`(?m)^#([a-z_.]+: *[^ #])`)

func TestExampleLoadsAsItIsWritten(t *testing.T) {
	settings := load(t, Example())
	if settings.Node.AETitle != "PACSBRIDGE" || settings.Old.Address != "10.1.0.5:104" {
		t.Errorf("the example gives %s", settings)
	}
	lines := regexp.MustCompile(`(?m)^[^#\s].*$|^ .*$`).FindAllString(Example(), -1)
	if len(lines) != 8 {
		t.Errorf("%d lines must be filled in, want eight:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

func TestExampleShowsEachDefault(t *testing.T) {
	written := load(t, optional.ReplaceAllString(Example(), "$1"))
	if diff := cmp.Diff(load(t, Example()).String(), written.String()); diff != "" {
		t.Errorf("with every comment sign taken away (-defaults +written):\n%s", diff)
	}
}

func TestExampleNamesEverySetting(t *testing.T) {
	required := []string{"node.ae_title", "old.ae_title", "old.address", "new.ae_title", "new.address"}
	shown := make(map[string]bool)
	for _, name := range required {
		shown[name] = true
	}
	for _, match := range optional.FindAllStringSubmatch(Example(), -1) {
		name, _, _ := strings.Cut(match[1], ":")
		shown[name] = true
	}
	for _, k := range allKeys() {
		if !shown[k.name] {
			t.Errorf("%s is not in the example", k.name)
		}
		delete(shown, k.name)
	}
	for name := range shown {
		t.Errorf("%s is in the example, but is no setting", name)
	}
}

func TestDefaultsAreSettings(t *testing.T) {
	known := make(map[string]bool)
	for _, k := range allKeys() {
		known[k.name] = true
	}
	for name := range defaults {
		if !known[name] {
			t.Errorf("%s has a default, but is no setting", name)
		}
	}
}
