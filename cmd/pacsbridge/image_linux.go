package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// forgetImage gives back the pages of the program's own file that starting up has
// touched: the many libraries' initialisation runs once, over some 50 MB of code
// and tables, of which a fifth is ever needed again. They are clean pages of a
// file and come back by themselves when they are.
func forgetImage() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		var may string
		if !strings.HasSuffix(lines.Text(), " "+program) {
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &may); err != nil || strings.Contains(may, "w") {
			continue
		}
		// Nothing depends on it: where the kernel says no, the pages stay.
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED)
	}
}
