package fetch_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pacsbridge/nondicom/fetch"
	"pacsbridge/nondicom/servertest"
)

// kind is a kind of store under test.
type kind struct {
	start func(t testing.TB) servertest.Store
	// open means that it lets everybody in.
	open bool
	// oneFile means that it cannot tell a folder from a file.
	loose bool
	// twoLines means that files come over a connection of their own.
	twoLines bool
}

var remoteKinds = map[string]kind{
	"pyftpdlib":          {start: servertest.FTP, twoLines: true},
	"pyftpdlib with TLS": {start: servertest.FTPExplicitTLS, twoLines: true},
	"vsftpd":             {start: servertest.AnonymousFTP, open: true, twoLines: true},
	"vsftpd with TLS":    {start: servertest.FTPS, open: true, twoLines: true},
	"OpenSSH":            {start: servertest.SFTP},
	"rclone's SFTP":      {start: servertest.PasswordSFTP},
	"Samba":              {start: servertest.SMB},
	"S3":                 {start: servertest.S3},
	"WebDAV":             {start: servertest.WebDAV},
	"HTTP":               {start: servertest.HTTP, loose: true},
}

// remoteSuite is what every kind of store must do.
var remoteSuite = map[string]func(t *testing.T, k kind, s servertest.Store){
	"files are read by path and by URL":       testRemoteRead,
	"what is wrong is named":                  testRemoteWrong,
	"what was expected is enforced":           testRemoteExpect,
	"a file that changes is noticed":          testRemoteChange,
	"many files at once":                      testRemoteMany,
	"a wrong password is tried once":          testRemotePassword,
	"a server that is away is for later":      testRemoteAway,
	"a stream that breaks off is taken up":    testRemoteBreak,
	"a stream that always breaks off is told": testRemoteBreaks,
}

func TestFetchFromServers(t *testing.T) {
	for name, k := range remoteKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := k.start(t)
			for name, test := range remoteSuite {
				t.Run(name, func(t *testing.T) {
					s := store
					s.Dir = filepath.Join(store.Dir, strings.ReplaceAll(name, " ", "-"))
					if err := os.Mkdir(s.Dir, 0o755); err != nil {
						t.Fatal(err)
					}
					s.URL.Path = strings.TrimSuffix(s.URL.Path, "/") + "/" + filepath.Base(s.Dir)
					test(t, k, s)
				})
			}
		})
	}
}

// openStore opens a store by its URL under the name "reports".
func openStore(t *testing.T, at url.URL) *fetch.Stores {
	t.Helper()
	stores, err := fetch.Open([]fetch.Store{{Name: "reports", At: at.String()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stores.Close(t.Context()); err != nil {
			t.Logf("close: %v", err) // the server may be gone
		}
	})
	return stores
}

func get(t *testing.T, stores *fetch.Stores, location string) ([]byte, *fetch.File, error) {
	t.Helper()
	file, err := stores.Fetch(t.Context(), location)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	got, err := io.ReadAll(file)
	return got, file, err
}

// fileNames are such as old systems have.
var fileNames = []string{"a.pdf", "2026/01/letter 'one' 信.pdf", "2026/Müller & Söhne (100%) #1.pdf", "deep/er/and/deep er/x+y=z;.txt", "no extension"}

func testRemoteRead(t *testing.T, _ kind, s servertest.Store) {
	stores := openStore(t, s.URL)
	for _, name := range fileNames {
		write(t, filepath.Join(s.Dir, name), content+name)
		whole := s.URL
		whole.User, whole.RawQuery, whole.Path = nil, "", s.URL.Path+"/"+name
		for _, location := range []string{"reports:" + name, whole.String()} {
			got, file, err := get(t, stores, location)
			if err != nil || string(got) != content+name || file.Size != int64(len(got)) || time.Since(file.ModTime).Abs() > 25*time.Hour {
				t.Errorf("%s: %q, %+v", location, got, err)
			}
		}
	}
	if err := stores.Check(t.Context(), "reports"); err != nil {
		t.Error(err)
	}
}

func testRemoteWrong(t *testing.T, k kind, s servertest.Store) {
	write(t, filepath.Join(s.Dir, "empty.pdf"), "")
	write(t, filepath.Join(s.Dir, "folder", "a.pdf"), content)
	write(t, filepath.Join(filepath.Dir(s.Dir), "secret.pdf"), content)
	outside := s.URL
	outside.User, outside.RawQuery, outside.Path = nil, "", filepath.Dir(s.URL.Path)+"/secret.pdf"
	elsewhere := s.URL
	elsewhere.User, elsewhere.RawQuery, elsewhere.Host = nil, "", "elsewhere:99"
	stores := openStore(t, s.URL)
	for location, want := range map[string]error{
		"reports:none.pdf":      fetch.ErrNotFound,
		"reports:none/none.pdf": fetch.ErrNotFound,
		"reports:empty.pdf":     fetch.ErrEmpty,
		"reports:../secret.pdf": fetch.ErrUnsafePath,
		"reports:/etc/passwd":   fetch.ErrUnsafePath,
		"reports:a\r\nDELE b":   fetch.ErrUnsafePath,
		`reports:\\other\a`:     fetch.ErrUnsafePath,
		outside.String():        fetch.ErrUnsafePath,
		elsewhere.String():      fetch.ErrUnsafePath,
		"ftp://elsewhere/a.pdf": fetch.ErrUnsafePath,
		"reports:folder/../a":   fetch.ErrUnsafePath,
	} {
		_, err := stores.Fetch(t.Context(), location)
		check(t, err, location, want)
	}
	_, err := stores.Fetch(t.Context(), "reports:folder")
	if !errors.Is(err, fetch.ErrNotAFile) && !errors.Is(err, fetch.ErrNotFound) && !k.loose {
		t.Errorf("a folder: %v", err)
	}
}

func testRemoteExpect(t *testing.T, _ kind, s servertest.Store) {
	write(t, filepath.Join(s.Dir, "a.pdf"), content)
	stores := openStore(t, s.URL)
	sum := sha256.Sum256([]byte(content))
	for want, kind := range map[fetch.Want]error{
		{Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}: nil,
		{Size: int64(len(content)) + 1}:                                 fetch.ErrShort,
		{Size: int64(len(content)) - 1}:                                 fetch.ErrLong,
		{SHA256: strings.Repeat("0", 64)}:                               fetch.ErrDigest,
	} {
		file, err := stores.Fetch(t.Context(), "reports:a.pdf")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(file.Expect(want)); kind == nil && err != nil || kind != nil && !errors.Is(err, kind) {
			t.Errorf("%+v: %v", want, err)
		}
		_ = file.Close()
	}
}

// large is a content that no buffer on the way holds as a whole.
func large() []byte {
	b := make([]byte, 24<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(b)
	return b
}

func testRemoteChange(t *testing.T, _ kind, s servertest.Store) {
	path := filepath.Join(s.Dir, "a.bin")
	body := large()
	write(t, path, string(body))
	file, err := openStore(t, s.URL).Fetch(t.Context(), "reports:a.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.ReadFull(file, make([]byte, 1<<16)); err != nil {
		t.Fatal(err)
	}
	body[len(body)-1]++
	write(t, path, string(body))
	touch(t, path)
	_, err = io.Copy(io.Discard, file)
	check(t, err, "reports:a.bin", fetch.ErrChanged)
}

func testRemoteMany(t *testing.T, _ kind, s servertest.Store) {
	stores := openStore(t, s.URL)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	for i := range 8 {
		write(t, filepath.Join(s.Dir, string(rune('a'+i))), string(body[i:]))
	}
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			got, _, err := get(t, stores, "reports:"+string(rune('a'+i%8)))
			if err != nil || !bytes.Equal(got, body[i%8:]) {
				t.Errorf("%d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	wait.Wait()
}

func testRemotePassword(t *testing.T, k kind, s servertest.Store) {
	if k.open {
		t.Skip("it lets everybody in")
	}
	write(t, filepath.Join(s.Dir, "a.pdf"), content)
	link := newLine(t, serverOf(s.URL))
	at := through(t, s.URL, link)
	at.User = url.UserPassword(s.URL.User.Username(), "falsch")
	query := at.Query()
	query.Del("key")
	at.RawQuery = query.Encode()
	stores := openStore(t, at)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			_, err := stores.Fetch(t.Context(), "reports:a.pdf")
			var e *fetch.Error
			if !errors.Is(err, fetch.ErrPassword) || !errors.As(err, &e) || e.Temporary() || strings.Contains(err.Error(), "falsch") {
				t.Errorf("%v", err)
			}
		})
	}
	wait.Wait()
	tried := link.connections.Load()
	_, err := stores.Fetch(t.Context(), "reports:a.pdf")
	check(t, err, "reports:a.pdf", fetch.ErrPassword)
	if now := link.connections.Load(); now != tried || tried > 2 {
		t.Errorf("%d connections, %d after one more try", tried, now)
	}
}

func testRemoteAway(t *testing.T, _ kind, s servertest.Store) {
	link := newLine(t, serverOf(s.URL))
	at := through(t, s.URL, link)
	link.close()
	_, err := openStore(t, at).Fetch(t.Context(), "reports:a.pdf")
	check(t, err, "reports:a.pdf", fetch.ErrBroken)
	var e *fetch.Error
	if !errors.As(err, &e) || !e.Temporary() || strings.Contains(err.Error(), url.QueryEscape(servertest.Password)) || strings.Contains(err.Error(), servertest.Password) {
		t.Errorf("%v", err)
	}
}

func testRemoteBreak(t *testing.T, k kind, s servertest.Store) {
	if k.twoLines {
		t.Skip("the link is not in the way of the files")
	}
	body := large()
	write(t, filepath.Join(s.Dir, "a.bin"), string(body))
	link := newLine(t, serverOf(s.URL))
	stores := openStore(t, through(t, s.URL, link))
	link.cutAfter(5<<20, 2)
	got, _, err := get(t, stores, "reports:a.bin")
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes of %d: %v", len(got), len(body), err)
	}
	if link.cuts.Load() != 2 {
		t.Errorf("cut %d times", link.cuts.Load())
	}
}

func testRemoteBreaks(t *testing.T, k kind, s servertest.Store) {
	if k.twoLines {
		t.Skip("the link is not in the way of the files")
	}
	write(t, filepath.Join(s.Dir, "a.bin"), string(large()))
	link := newLine(t, serverOf(s.URL))
	stores := openStore(t, through(t, s.URL, link))
	file, err := stores.Fetch(t.Context(), "reports:a.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.ReadFull(file, make([]byte, 1<<16)); err != nil {
		t.Fatal(err)
	}
	link.close()
	_, err = io.Copy(io.Discard, file)
	check(t, err, "reports:a.bin", fetch.ErrBroken)
	var e *fetch.Error
	if errors.As(err, &e) && !e.Temporary() {
		t.Errorf("%v is worth another try", err)
	}
}

func TestNamesInTheStoresCharset(t *testing.T) {
	const location, onDisk = "reports:报告/一.pdf", "\xb1\xa8\xb8\xe6/\xd2\xbb.pdf"
	for name, start := range map[string]func(t testing.TB) servertest.Store{"vsftpd": servertest.AnonymousFTP, "OpenSSH": servertest.SFTP, "folder": folderStore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			write(t, filepath.Join(s.Dir, onDisk), content)
			query := s.URL.Query()
			query.Set("charset", "gbk")
			s.URL.RawQuery = query.Encode()
			stores := openStore(t, s.URL)
			if got, _, err := get(t, stores, location); err != nil || string(got) != content {
				t.Errorf("%q, %v", got, err)
			}
			_, err := stores.Fetch(t.Context(), "reports:\U0001F600")
			check(t, err, "reports:\U0001F600", fetch.ErrNotFound)
		})
	}
}

func folderStore(t testing.TB) servertest.Store {
	dir := t.TempDir()
	return servertest.Store{Dir: dir, URL: url.URL{Scheme: "file", Path: dir}}
}

func TestAServerWhoseKeyIsAnotherIsNotTrusted(t *testing.T) {
	one, other := servertest.SFTP(t), servertest.SFTP(t)
	query := one.URL.Query()
	query.Set("known_hosts", knownThere(t, other.URL.Query().Get("known_hosts"), other.URL.Host, one.URL.Host))
	one.URL.RawQuery = query.Encode()
	_, err := openStore(t, one.URL).Fetch(t.Context(), "reports:a.pdf")
	check(t, err, "reports:a.pdf", fetch.ErrUntrusted)

	secure := servertest.FTPS(t)
	secure.URL.RawQuery = "" // verify
	_, err = openStore(t, secure.URL).Fetch(t.Context(), "reports:a.pdf")
	check(t, err, "reports:a.pdf", fetch.ErrUntrusted)
}

func TestS3TellsDeniedFromARefusedKey(t *testing.T) {
	s := servertest.S3(t)
	stores := openStore(t, s.URL)
	for range 2 {
		_, err := stores.Fetch(t.Context(), "reports:closed/a.pdf")
		check(t, err, "reports:closed/a.pdf", fetch.ErrDenied)
	}
	s.URL.User = url.UserPassword("AKIASOMEBODY", "x")
	_, err := openStore(t, s.URL).Fetch(t.Context(), "reports:closed/a.pdf")
	check(t, err, "reports:closed/a.pdf", fetch.ErrPassword)
}
