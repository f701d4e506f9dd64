package spool_test

import (
	"fmt"
	"io"
	"os"
	"strings"

	"pacsbridge/staging/spool"
)

func Example() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s, err := spool.Open(spool.Options{Dir: dir, Memory: 1 << 20})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	w, err := s.Create("1.2.3", "1.2.3.4")
	if err != nil {
		panic(err)
	}
	defer w.Abort() // does nothing after Commit
	if _, err := io.Copy(w, strings.NewReader("a data set")); err != nil {
		panic(err)
	}
	blob, err := w.Commit()
	if err != nil {
		panic(err)
	}
	fmt.Println(blob.Size, blob.SHA256[:8])

	r, _, err := s.Open("1.2.3", "1.2.3.4")
	if err != nil {
		panic(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	fmt.Println(string(data), err)
	// Output:
	// 10 764b28f1
	// a data set <nil>
}
