package main

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){"pacsbridge": main})
}

// tidy runs the tests and removes the program that they built.
type tidy struct{ *testing.M }

func (m tidy) Run() int {
	code := m.M.Run()
	if builtFolder != "" {
		os.RemoveAll(builtFolder)
	}
	return code
}

// TestScripts runs the commands as an operator types them; the scripts read
// as a manual of what answers what.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Cmds:                scriptCommands,
		Setup:               listenSilently,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// scriptCommands are what the scripts can say beside testscript's own words.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"exits":  exits,
	"called": called,
}

// silentCalls is the key of the calls that a script's silent PACS has taken.
type silentCalls struct{}

// listenSilently gives each script a PACS at $SILENT that takes calls and
// never says a word.
func listenSilently(env *testscript.Env) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	calls := make(chan net.Conn, 16)
	go func() {
		defer close(calls)
		for {
			call, err := listener.Accept()
			if err != nil {
				return
			}
			calls <- call
		}
	}()
	env.Values[silentCalls{}] = (<-chan net.Conn)(calls)
	env.Setenv("SILENT", listener.Addr().String())
	env.Defer(func() {
		_ = listener.Close()
		for call := range calls {
			_ = call.Close()
		}
	})
	return nil
}

// called waits until the silent PACS has been called.
func called(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: called")
	}
	call := <-ts.Value(silentCalls{}).(<-chan net.Conn)
	ts.Defer(func() { _ = call.Close() })
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
