package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module     = "pacsbridge"
	moduleRoot = "../.."
)

// rooms are our packages, each with those of ours that it may import. The
// three lower rooms do not know each other, and nobody knows the one above. A
// new package needs a line here.
var rooms = map[string][]string{
	"cmd/pacsbridge": {
		"bridge", "conf", "dimse", "dimse/dataset", "dimse/uid", "nondicom", "nondicom/archive", "nondicom/fetch", "staging", "staging/spool",
		"dimse/dimsetest", // the archives of the demo
	},
	"cmd/bench": {"dimse", "dimse/dataset", "dimse/uid", "dimse/dimsetest"},

	"bridge": {"dimse", "dimse/dataset", "dimse/uid", "nondicom", "nondicom/archive", "nondicom/fetch", "staging", "staging/spool"},
	"conf":   {"dimse/dataset"}, // its dictionary: the attributes that rules name

	"dimse":           {"dimse/pdu", "dimse/dataset", "dimse/uid"},
	"dimse/pdu":       {},
	"dimse/dataset":   {"dimse/uid"},
	"dimse/uid":       {},
	"dimse/dimsetest": {"dimse", "dimse/pdu", "dimse/dataset", "dimse/uid"},

	"nondicom":         {"dimse/dataset", "dimse/uid", "nondicom/fetch"},
	"nondicom/fetch":   {},
	"nondicom/archive": {"nondicom", "nondicom/fetch"},

	"nondicom/servertest": {},

	"staging":        {},
	"staging/spool":  {},
	"staging/pgtest": {},
}

// testRooms help tests; any test may import them.
var testRooms = []string{"dimse/dimsetest", "staging/pgtest", "nondicom/servertest"}

// libraries are the modules of others, by import path prefix, each with the
// rooms that may import it. "tests" stands for the test files of any room. A
// new one needs a line here and a decision in docs/decisions.
var libraries = map[string][]string{
	"github.com/spf13/viper":              {"conf"},
	"github.com/go-viper/mapstructure/v2": {"conf"},
	"github.com/spf13/cobra":              {"cmd/pacsbridge"},
	"github.com/spf13/pflag":              {"cmd/pacsbridge"},
	"github.com/vbauerster/mpb/v8":        {"cmd/pacsbridge"},
	"github.com/mattn/go-isatty":          {"cmd/pacsbridge"},
	"codeberg.org/go-pdf/fpdf":            {"cmd/pacsbridge", "nondicom"},  // certificates, the demo's reports; texts as documents
	"gonum.org/v1/plot":                   {"cmd/pacsbridge", "cmd/bench"}, // the plots of report and bench

	"github.com/grailbio/go-dicom": {"dimse", "dimse/dataset", "dimse/uid"},
	"golang.org/x/text":            {"dimse/dataset", "nondicom", "nondicom/fetch", "tests"},
	"golang.org/x/sys":             {"dimse", "dimse/dimsetest", "staging/pgtest", "staging/spool", "cmd/bench"},

	"github.com/riverqueue/river": {"staging"},
	"github.com/pressly/goose/v3": {"staging"},
	"modernc.org/sqlite":          {"staging", "nondicom", "cmd/pacsbridge", "tests"}, // the demo makes a legacy database
	"modernc.org/libc":            {"tests"},                                          // SQLite's own functions ask for it
	"github.com/jackc/pgx/v5":     {"staging", "nondicom", "nondicom/archive", "staging/pgtest", "tests"},

	"github.com/go-sql-driver/mysql":  {"nondicom"},
	"github.com/microsoft/go-mssqldb": {"nondicom"},
	"github.com/sijms/go-ora/v2":      {"nondicom"},

	"github.com/suyashkumar/dicom":       {"nondicom", "tests"},
	"github.com/gabriel-vasile/mimetype": {"nondicom"},
	"golang.org/x/image":                 {"nondicom", "tests"},
	"github.com/rclone/rclone":           {"nondicom/fetch"},
	"github.com/klauspost/compress":      {"nondicom/archive"},
	"filippo.io/age":                     {"nondicom/archive", "tests"}, // keys for the tests

	// What rclone's backends answer with, to tell one error from another.
	"github.com/jlaffaye/ftp":      {"nondicom/fetch"},
	"github.com/cloudsoda/go-smb2": {"nondicom/fetch"},
	"github.com/aws/aws-sdk-go-v2": {"nondicom/fetch"},
	"github.com/aws/smithy-go":     {"nondicom/fetch"},
	"golang.org/x/crypto":          {"nondicom/fetch"},

	"golang.org/x/time": {"bridge"},
	"golang.org/x/sync": {"bridge", "dimse", "cmd/pacsbridge"},

	"github.com/google/go-cmp":        {"tests"},
	"github.com/rogpeppe/go-internal": {"tests"},
	"github.com/Shopify/toxiproxy/v2": {"tests"},
	"go.uber.org/goleak":              {"tests"},
	"pgregory.net/rapid":              {"tests"},
}

// sourceImport is one import of one file.
type sourceImport struct {
	file   string
	room   string
	test   bool
	target string
}

func TestImportsKeepTheLayers(t *testing.T) {
	for _, i := range readImports(t) {
		if _, known := rooms[i.room]; !known {
			t.Errorf("%s: the package %s has no line in the table of rooms", i.file, i.room)
			continue
		}
		if !i.allowed() {
			t.Errorf("%s may not import %s", i.file, i.target)
		}
	}
}

func TestTheTableOfRoomsHasNoEmptyRooms(t *testing.T) {
	found := make(map[string]bool)
	for _, i := range readImports(t) {
		found[i.room] = true
	}
	for room := range rooms {
		if !found[room] {
			t.Errorf("the room %s has a line in the table, but no Go file with an import", room)
		}
	}
}

func (i sourceImport) allowed() bool {
	if ours, found := strings.CutPrefix(i.target, module+"/"); found {
		return ours == i.room || // an outer test of the package itself
			slices.Contains(rooms[i.room], ours) ||
			i.test && slices.Contains(testRooms, ours)
	}
	if host, _, _ := strings.Cut(i.target, "/"); !strings.Contains(host, ".") {
		return true // the standard library
	}
	for prefix, allowed := range libraries {
		if i.target == prefix || strings.HasPrefix(i.target, prefix+"/") {
			return slices.Contains(allowed, i.room) || i.test && slices.Contains(allowed, "tests")
		}
	}
	return false
}

// readImports reads the imports of every Go file of the module.
func readImports(t *testing.T) []sourceImport {
	t.Helper()
	var imports []sourceImport
	err := filepath.WalkDir(moduleRoot, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || name != moduleRoot && strings.HasPrefix(entry.Name(), ".")) {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(moduleRoot, name)
		if err != nil {
			return err
		}
		file := filepath.ToSlash(relative)
		for _, spec := range parsed.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, sourceImport{file, path.Dir(file), strings.HasSuffix(file, "_test.go"), target})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}
