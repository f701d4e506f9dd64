package fetch_test

import (
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"

	"pacsbridge/nondicom/fetch"
	"pacsbridge/nondicom/servertest"
)

// BenchmarkFetch is the throughput of attachments of 1 MiB, eight at once.
func BenchmarkFetch(b *testing.B) {
	const files, size, parallel = 64, 1 << 20, 8
	for name, start := range map[string]func(testing.TB) servertest.Store{
		"S3": servertest.S3, "WebDAV": servertest.WebDAV, "SFTP": servertest.SFTP, "SMB": servertest.SMB, "FTP": servertest.FTP,
	} {
		b.Run(name, func(b *testing.B) {
			s := start(b)
			body := string(make([]byte, size))
			for i := range files {
				writeFile(b, filepath.Join(s.Dir, fmt.Sprint(i)), body)
			}
			stores, err := fetch.Open([]fetch.Store{{Name: "r", At: s.URL.String()}})
			if err != nil {
				b.Fatal(err)
			}
			defer stores.Close(b.Context())
			b.SetBytes(files * size)
			b.ReportAllocs()
			for b.Loop() {
				fetchAll(b, stores, files, parallel)
			}
		})
	}
}

func fetchAll(b *testing.B, stores *fetch.Stores, files, parallel int) {
	names := make(chan int, files)
	for i := range files {
		names <- i
	}
	close(names)
	var wait sync.WaitGroup
	for range parallel {
		wait.Go(func() {
			for i := range names {
				file, err := stores.Fetch(b.Context(), fmt.Sprint("r:", i))
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, file); err != nil {
					b.Error(err)
				}
				_ = file.Close()
			}
		})
	}
	wait.Wait()
}
