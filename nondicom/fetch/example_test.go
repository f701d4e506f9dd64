package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"pacsbridge/nondicom/fetch"
)

func Example() {
	dir, err := os.MkdirTemp("", "reports")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	_ = os.WriteFile(filepath.Join(dir, "4711.txt"), []byte("No finding."), 0o600)

	stores, err := fetch.Open([]fetch.Store{{Name: "reports", At: dir}})
	if err != nil {
		panic(err)
	}
	file, err := stores.Fetch(context.Background(), "reports:4711.txt")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	text, err := io.ReadAll(file.Expect(fetch.Want{Size: 11}))
	fmt.Printf("%s %v\n", text, err)

	_, err = stores.Fetch(context.Background(), "reports:4712.txt")
	fmt.Println(err, errors.Is(err, fetch.ErrNotFound))
	// Output:
	// No finding. <nil>
	// fetch reports:4712.txt: not found true
}
