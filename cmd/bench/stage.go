package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

// stage is what the launchers of package dimsetest want of a test: it ends what
// they started, and turns their complaints into an error.
type stage struct {
	testing.TB // nil: for its unexported method alone
	cleanups   []func()
	failed     bool
}

// dropped is the panic by which a launcher gives up.
type dropped struct{ error }

// onStage runs play and cleans up behind it.
func onStage(play func(*stage) error) (err error) {
	s := &stage{}
	defer func() {
		for _, cleanup := range slices.Backward(s.cleanups) {
			cleanup()
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			d, ours := p.(dropped)
			if !ours {
				panic(p)
			}
			err = d.error
		}
	}()
	return play(s)
}

func (s *stage) Helper()          {}
func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }
func (s *stage) Failed() bool     { return s.failed }

func (s *stage) Fatal(args ...any)                 { s.drop(fmt.Sprint(args...)) }
func (s *stage) Fatalf(format string, args ...any) { s.drop(fmt.Sprintf(format, args...)) }
func (s *stage) Skipf(format string, args ...any)  { s.drop(fmt.Sprintf(format, args...)) }

func (s *stage) drop(text string) {
	s.failed = true
	panic(dropped{errors.New(text)})
}

func (s *stage) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
