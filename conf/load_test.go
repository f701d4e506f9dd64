package conf_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/conf"
)

var update = flag.Bool("update", false, "write the golden files anew")

// environment is a fake of os.LookupEnv.
func environment(values map[string]string) conf.Lookup {
	return func(name string) (string, bool) {
		value, found := values[name]
		return value, found
	}
}

var siteEnvironment = environment(map[string]string{
	"RIS_PASSWORD":     "hidden",
	"SCANS":            "scans",
	"PACSBRIDGE_TOKEN": "hidden",
})

// eightLines are the settings that must be an operator's own, and nothing else.
const eightLines = "../testdata/settings/eight-lines.yaml"

func TestTheEightLinesAreEnough(t *testing.T) {
	settings, err := conf.Load(eightLines, siteEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/good/eight-lines.golden", settings.String())
}

func TestGoodFilesLoad(t *testing.T) {
	for _, path := range files(t, "testdata/good/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			settings, err := conf.Load(path, siteEnvironment)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", settings.String())
		})
	}
}

func TestBadFilesNameEveryFault(t *testing.T) {
	for _, path := range files(t, "testdata/bad/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, err := conf.Load(path, siteEnvironment)
			var faults *conf.FaultsError
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want a *FaultsError", err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", err.Error()+"\n")
			if strings.Contains(err.Error(), "hidden") {
				t.Error("a fault shows a password")
			}
		})
	}
}

func TestMissingFileSaysHowToWriteOne(t *testing.T) {
	_, err := conf.Load(filepath.Join(t.TempDir(), "none.yaml"), siteEnvironment)
	if err == nil || !strings.Contains(err.Error(), "pacsbridge init") {
		t.Errorf("got %v, want a hint at pacsbridge init", err)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return paths
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
