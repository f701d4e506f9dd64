package servertest

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bucket is the only bucket of the S3 server.
const Bucket = "scans"

// The key and secret that the S3 server takes.
const (
	s3Key    = "AKIAREADER"
	s3Secret = "ge/heim+1"
)

// S3 runs a small S3-compatible server in this process: Debian has none. It
// checks signatures (AWS Signature Version 4) as Amazon does, answers ranges
// and listings, takes objects, copies and deletes. What lies under closed/ is
// denied to everybody.
func S3(tb testing.TB) Store {
	tb.Helper()
	s, own := newStore(tb, "s3")
	server := httptest.NewServer(&bucket{dir: s.Dir, parts: own})
	tb.Cleanup(server.Close)
	query := url.Values{"endpoint": {server.URL}, "region": {"eu-central-1"}}
	s.URL = url.URL{Scheme: "s3", User: url.UserPassword(s3Key, s3Secret), Host: Bucket, RawQuery: query.Encode()}
	return s
}

// bucket answers for the files of a folder.
type bucket struct {
	dir   string
	parts string // folder of objects that come in parts
	tags  sync.Map
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch code := refusal(r); {
	case code != "":
		answer(w, http.StatusForbidden, code)
	case name != Bucket:
		answer(w, http.StatusNotFound, "NoSuchBucket")
	case strings.HasPrefix(key, "closed/"):
		answer(w, http.StatusForbidden, "AccessDenied")
	case key == "":
		b.list(w, r)
	case r.URL.Query().Has("uploads") || r.URL.Query().Has("uploadId"):
		b.upload(w, r, key)
	case r.Method == http.MethodPut:
		b.put(w, r, key)
	case r.Method == http.MethodDelete:
		if err := os.Remove(b.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			answer(w, http.StatusInternalServerError, "InternalError")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		b.get(w, r, key)
	}
}

func (b *bucket) path(key string) string { return filepath.Join(b.dir, filepath.FromSlash(key)) }

func (b *bucket) get(w http.ResponseWriter, r *http.Request, key string) {
	file, err := os.Open(b.path(key))
	if err != nil {
		answer(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		answer(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", b.tag(b.path(key), info))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", info.ModTime(), file)
}

func (b *bucket) put(w http.ResponseWriter, r *http.Request, key string) {
	from, err := b.source(r)
	if err != nil {
		answer(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	defer from.Close()
	tag, err := keepObject(b.path(key), from)
	if err != nil {
		answer(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	w.Header().Set("ETag", tag)
	if r.Header.Get("X-Amz-Copy-Source") != "" {
		fmt.Fprintf(w, "<CopyObjectResult><ETag>%s</ETag><LastModified>%s</LastModified></CopyObjectResult>", html.EscapeString(tag), time.Now().UTC().Format(time.RFC3339))
	}
}

// keepObject writes a file and returns its tag. Half an object is none.
func keepObject(path string, from io.Reader) (tag string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	to, err := os.CreateTemp(filepath.Dir(path), ".put-*")
	if err != nil {
		return "", err
	}
	sum := md5.New()
	_, err = io.Copy(io.MultiWriter(to, sum), from)
	if err = errors.Join(err, to.Close()); err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		_ = os.Remove(to.Name())
	}
	return fmt.Sprintf(`"%x"`, sum.Sum(nil)), err
}

// tag is the ETag of an object: the MD5 of its content as for one that came by
// a single PUT, or for a large one that of an object that came in parts, which
// is no digest of its content.
func (b *bucket) tag(path string, info fs.FileInfo) string {
	state := fmt.Sprint(path, info.Size(), info.ModTime().UnixNano())
	if info.Size() > 64<<20 {
		return fmt.Sprintf(`"%x-2"`, md5.Sum([]byte(state)))
	}
	if tag, known := b.tags.Load(state); known {
		return tag.(string)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return `"gone"`
	}
	tag := fmt.Sprintf(`"%x"`, md5.Sum(content))
	b.tags.Store(state, tag)
	return tag
}

// source is the body of a request, or the object that it says to copy.
func (b *bucket) source(r *http.Request) (io.ReadCloser, error) {
	source := r.Header.Get("X-Amz-Copy-Source")
	if source == "" {
		return r.Body, nil
	}
	path, err := url.PathUnescape(source)
	if err != nil {
		return nil, err
	}
	key, found := strings.CutPrefix(strings.TrimPrefix(path, "/"), Bucket+"/")
	if !found {
		return nil, fs.ErrNotExist
	}
	return os.Open(b.path(key))
}

type listing struct {
	XMLName        xml.Name `xml:"ListBucketResult"`
	Name, Prefix   string
	KeyCount       int
	IsTruncated    bool
	Contents       []listed
	CommonPrefixes []struct{ Prefix string }
}

type listed struct {
	Key, LastModified, ETag string
	Size                    int64
}

func (b *bucket) list(w http.ResponseWriter, r *http.Request) {
	prefix, delimiter := r.URL.Query().Get("prefix"), r.URL.Query().Get("delimiter")
	out := listing{Name: Bucket, Prefix: prefix}
	_ = filepath.WalkDir(b.dir, func(path string, entry fs.DirEntry, err error) error {
		key, _ := filepath.Rel(b.dir, path)
		rest, inside := strings.CutPrefix(filepath.ToSlash(key), prefix)
		if err != nil || entry.IsDir() || !inside {
			return err
		}
		if folder, _, found := strings.Cut(rest, delimiter); delimiter != "" && found {
			common := struct{ Prefix string }{prefix + folder + delimiter}
			if !slices.Contains(out.CommonPrefixes, common) {
				out.CommonPrefixes = append(out.CommonPrefixes, common)
			}
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			out.Contents = append(out.Contents, listed{prefix + rest, info.ModTime().UTC().Format("2006-01-02T15:04:05.000Z"), b.tag(path, info), info.Size()})
		}
		return err
	})
	out.KeyCount = len(out.Contents)
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

// refusal checks the signature of a request (AWS Signature Version 4) and
// returns the code of what is wrong with it, or nothing.
func refusal(r *http.Request) string {
	fields := map[string]string{}
	method, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	for _, field := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	key, scope, _ := strings.Cut(fields["Credential"], "/")
	switch {
	case method != "AWS4-HMAC-SHA256":
		return "AccessDenied"
	case key != s3Key:
		return "InvalidAccessKeyId"
	case !hmac.Equal([]byte(signature(r, scope, strings.Split(fields["SignedHeaders"], ";"))), []byte(fields["Signature"])):
		return "SignatureDoesNotMatch"
	}
	return ""
}

func signature(r *http.Request, scope string, headers []string) string {
	canonical := r.Method + "\n" + r.URL.EscapedPath() + "\n" + strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20") + "\n"
	for _, name := range headers {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		canonical += name + ":" + strings.TrimSpace(value) + "\n"
	}
	canonical += "\n" + strings.Join(headers, ";") + "\n" + r.Header.Get("X-Amz-Content-Sha256")
	sum := sha256.Sum256([]byte(canonical))
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + s3Secret)
	for _, part := range append(strings.Split(scope, "/"), text) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}
