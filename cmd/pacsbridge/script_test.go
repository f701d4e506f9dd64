package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pacsbridge": main})
}

// TestScripts runs the commands as an operator types them; the scripts read
// as a manual of what answers what.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Cmds:                scriptCommands,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// scriptCommands are what the scripts can say beside testscript's own words.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"exits": exits,
}

// exits runs a program and demands an exit code: exits 2 pacsbridge bogus.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT…]")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		status, exited := err.(interface{ ExitCode() int })
		if !exited {
			ts.Fatalf("%v", err)
		}
		code = strconv.Itoa(status.ExitCode())
	}
	if code != args[0] {
		ts.Fatalf("%v exits %s, want %s", args[1:], code, args[0])
	}
}
