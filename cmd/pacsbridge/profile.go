package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/spf13/cobra"
)

// profiles are the files in which a command's use of CPU and memory is written
// down for `go tool pprof`; "" leaves one out.
type profiles struct{ cpu, memory string }

// withProfiles gives every command below root the flags --cpuprofile and
// --memprofile.
func withProfiles(root *cobra.Command) {
	var f profiles
	flags := root.PersistentFlags()
	flags.StringVar(&f.cpu, "cpuprofile", "", "write a CPU profile to this file")
	flags.StringVar(&f.memory, "memprofile", "", "write a profile of memory and allocations to this file")
	for _, command := range root.Commands() {
		f.wrap(command)
	}
}

// wrap has the command and those below it profiled, whatever their end.
func (f *profiles) wrap(command *cobra.Command) {
	for _, below := range command.Commands() {
		f.wrap(below)
	}
	run := command.RunE
	if run == nil {
		return
	}
	command.RunE = func(command *cobra.Command, args []string) error {
		stop, err := f.start()
		if err != nil {
			return err
		}
		return errors.Join(run(command, args), stop())
	}
}

// start begins the profiles that are asked for; stop writes them out.
func (f *profiles) start() (stop func() error, err error) {
	if f.cpu == "" {
		return f.writeMemory, nil
	}
	file, err := os.Create(f.cpu)
	if err != nil {
		return nil, fmt.Errorf("write the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("write the CPU profile: %w", err), file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return errors.Join(file.Close(), f.writeMemory())
	}, nil
}

// writeMemory writes what lives on the heap now, and all that was allocated.
func (f *profiles) writeMemory() error {
	if f.memory == "" {
		return nil
	}
	file, err := os.Create(f.memory)
	if err != nil {
		return fmt.Errorf("write the memory profile: %w", err)
	}
	runtime.GC() // the profile tells the state after the last collection
	if err := pprof.WriteHeapProfile(file); err != nil {
		return errors.Join(fmt.Errorf("write the memory profile: %w", err), file.Close())
	}
	return file.Close()
}
