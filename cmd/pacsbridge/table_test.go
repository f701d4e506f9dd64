package main

import (
	"strings"
	"testing"
)

func TestBytesAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 63_100_000: "63.1 MB", 999_960: "1.0 MB",
		2_500_000_000_000: "2.5 TB", 1<<63 - 1: "9.2 EB",
	} {
		if got := humanBytes(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
}

func TestTablesKeepControlCharactersFromTheTerminal(t *testing.T) {
	var b strings.Builder
	if err := printTable(&b, [][]string{{"NAME", "UID"}, {"a\x1b[2Jb\nc\u009b", "1.2"}}); err != nil {
		t.Fatal(err)
	}
	if want := "NAME       UID\na·[2Jb·c·  1.2\n"; b.String() != want {
		t.Errorf("printed %q, want %q", b.String(), want)
	}
}
