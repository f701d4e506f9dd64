package fetch_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pacsbridge/nondicom/fetch"
	"pacsbridge/nondicom/servertest"
)

// The load that is fetched beside rclone: so many files of a size, so many at
// once, in so many rounds.
const (
	besideFiles    = 768
	besideSize     = 1 << 20
	besideParallel = 8
	besideRounds   = 5
)

// leastRatio is what our throughput must be of rclone's own.
const leastRatio = 0.8

// TestThroughputBesideRclone copies the same files to disk by this package and
// by rclone copy, in turn. It is a figure, and so runs when figures are asked for.
func TestThroughputBesideRclone(t *testing.T) {
	if os.Getenv("PACSBRIDGE_FIGURES") == "" {
		t.Skip("set PACSBRIDGE_FIGURES=1 to measure")
	}
	rclone, err := exec.LookPath("rclone")
	if err != nil {
		t.Skip("rclone is not installed")
	}
	for name, start := range map[string]func(*testing.T) servertest.Store{
		"local": func(t *testing.T) servertest.Store {
			dir := t.TempDir()
			return servertest.Store{Dir: dir, URL: url.URL{Scheme: "file", Path: dir}}
		},
		"S3": func(t *testing.T) servertest.Store { return servertest.S3(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			fillStore(t, s.Dir)
			stores, err := fetch.Open([]fetch.Store{{Name: "r", At: s.URL.String()}})
			if err != nil {
				t.Fatal(err)
			}
			defer stores.Close(context.WithoutCancel(t.Context()))
			var ratios []float64
			for range besideRounds {
				theirs := timed(t, func(to string) error { return rcloneCopy(t, rclone, s, to) })
				ours := timed(t, func(to string) error { return copyAll(t.Context(), stores, to) })
				ratios = append(ratios, theirs.Seconds()/ours.Seconds())
				t.Logf("rclone copy %v, pacsbridge %v, ratio %.2f", theirs, ours, ratios[len(ratios)-1])
			}
			slices.Sort(ratios)
			if median := ratios[len(ratios)/2]; median < leastRatio {
				t.Errorf("the throughput is %.2f of rclone's, less than %.1f", median, leastRatio)
			}
		})
	}
}

func fillStore(t *testing.T, dir string) {
	t.Helper()
	source := rand.NewChaCha8([32]byte{1})
	content := make([]byte, besideSize)
	for i := range besideFiles {
		_, _ = source.Read(content)
		writeFile(t, filepath.Join(dir, fmt.Sprint(i)), string(content))
	}
}

// timed is how long a copy to an empty folder takes.
func timed(t *testing.T, copyTo func(string) error) time.Duration {
	t.Helper()
	to := t.TempDir()
	began := time.Now()
	if err := copyTo(to); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	entries, err := os.ReadDir(to)
	if err != nil || len(entries) != besideFiles {
		t.Fatalf("%d of %d files are there: %v", len(entries), besideFiles, err)
	}
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	return took
}

// rcloneCopy runs rclone with as many transfers at once, and no other settings
// than those that lead to the store.
func rcloneCopy(t *testing.T, rclone string, s servertest.Store, to string) error {
	from := s.Dir
	command := exec.CommandContext(t.Context(), rclone, "copy", "--config", "/dev/null", "--transfers", fmt.Sprint(besideParallel), "--checkers", fmt.Sprint(besideParallel))
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + to} // nothing of this machine's settings
	if s.URL.Scheme == "s3" {
		from = "r:" + s.URL.Host
		secret, _ := s.URL.User.Password()
		command.Env = append(command.Env, "RCLONE_CONFIG_R_TYPE=s3", "RCLONE_CONFIG_R_PROVIDER=Other", "RCLONE_CONFIG_R_ENDPOINT="+s.URL.Query().Get("endpoint"),
			"RCLONE_CONFIG_R_REGION="+s.URL.Query().Get("region"), "RCLONE_CONFIG_R_ACCESS_KEY_ID="+s.URL.User.Username(), "RCLONE_CONFIG_R_SECRET_ACCESS_KEY="+secret)
	}
	command.Args = append(command.Args, from, to)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// copyAll fetches all files, as many at once, checks them and writes them down.
func copyAll(ctx context.Context, stores *fetch.Stores, to string) error {
	names := make(chan int, besideFiles)
	for i := range besideFiles {
		names <- i
	}
	close(names)
	var wait sync.WaitGroup
	errs := make([]error, besideParallel)
	for worker := range besideParallel {
		wait.Go(func() {
			for i := range names {
				if errs[worker] = copyOne(ctx, stores, fmt.Sprint(i), to); errs[worker] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func copyOne(ctx context.Context, stores *fetch.Stores, name, to string) error {
	file, err := stores.Fetch(ctx, "r:"+name)
	if err != nil {
		return err
	}
	defer file.Close()
	out, err := os.Create(filepath.Join(to, name))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.MultiWriter(out, sha256.New()), file.Expect(fetch.Want{Size: besideSize}))
	return errors.Join(err, out.Close())
}

// TestFetchingHoldsNoFile: what a fetch holds does not grow with the file.
func TestFetchingHoldsNoFile(t *testing.T) {
	const size = 1 << 30
	dir := t.TempDir()
	path := filepath.Join(dir, "film")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
	stores, err := fetch.Open([]fetch.Store{{Name: "r", At: dir}})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	file, err := stores.Fetch(t.Context(), "r:film")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if n, err := io.Copy(io.Discard, file); err != nil || n != size {
		t.Fatalf("%d bytes of %d: %v", n, int64(size), err)
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 4<<20 {
		t.Errorf("%d bytes were allocated for a file of %d", bytes, int64(size))
	}
}
