package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"pacsbridge/nondicom"
	"pacsbridge/nondicom/archive"
	"pacsbridge/staging/pgtest"
)

// server is the database server of all tests: starting one takes longer than
// most of them.
var server struct {
	once sync.Once
	url  string
	stop func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.stop != nil {
		server.stop()
	}
	os.Exit(code)
}

// bench is an archive under test: a schema of its own and a folder.
type bench struct {
	t       *testing.T
	url     string
	store   string
	archive *archive.Archive
}

var schemas atomic.Int64

// newBench opens an archive. The database is prepared by SQL before.
func newBench(t *testing.T, o archive.Options, prepare ...string) *bench {
	t.Helper()
	server.once.Do(func() { server.url, server.stop = pgtest.Shared(t) })
	if server.url == "" {
		t.Skip("PostgreSQL is not installed")
	}
	b := &bench{t: t, store: t.TempDir()}
	schema := fmt.Sprintf("archive%d", schemas.Add(1))
	u, err := url.Parse(server.url)
	if err != nil {
		t.Fatal(err)
	}
	b.url = server.url
	b.sql("CREATE SCHEMA " + schema)
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	b.url = u.String()
	for _, statement := range prepare {
		b.sql(statement)
	}
	o.URL = b.url
	if o.Store == "" {
		o.Store = b.store
	}
	if b.archive, err = archive.Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.archive.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// sql runs a statement and returns its rows, columns parted by bars.
func (b *bench) sql(statement string, args ...any) (lines []string) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(b.t.Context(), statement, args...)
	if err != nil {
		b.t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			b.t.Fatal(err)
		}
		var texts []string
		for _, v := range values {
			texts = append(texts, fmt.Sprint(v))
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	if err := rows.Err(); err != nil {
		b.t.Fatalf("%s: %v", statement, err)
	}
	return lines
}

// files are those of the store.
func (b *bench) files() []string {
	b.t.Helper()
	var names []string
	err := filepath.WalkDir(b.store, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(b.store, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return names
}

// put archives a study and fails the test where that fails.
func (b *bench) put(s *archive.Study) map[string]string {
	b.t.Helper()
	names, err := b.archive.Put(b.t.Context(), s)
	if err != nil {
		b.t.Fatal(err)
	}
	return names
}

// text is a content that compresses, noise one that does not.
func text(n int) []byte { return bytes.Repeat([]byte("No finding. 未见异常。\n"), n) }

func noise(n int) []byte {
	content := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(content)
	return content
}

// studyOf is a study of one image, one record, and an attachment a content.
func studyOf(uid string, contents ...[]byte) *archive.Study {
	s := &archive.Study{UID: uid, Key: "17", Modalities: "CT", Department: "RAD",
		Identity: nondicom.Identity{PatientName: "Wang^XiaoDong=王^小东", PatientID: "P17", Issuer: "HOSPITAL", PatientBirthDate: "19600229", PatientSex: "F",
			AccessionNumber: "A'17\\", StudyUID: uid, StudyDate: "20260131", StudyTime: "140500.25", StudyDescription: "Thorax"},
		Objects: []archive.Object{{UID: uid + ".1.1", SeriesUID: uid + ".1", Kind: "instance", SOPClass: "1.2.840.10008.5.1.4.1.1.2",
			TransferSyntax: "1.2.840.10008.1.2.1", Bytes: 524288, SHA256: digest([]byte(uid))}, {UID: uid + ".2.1", SeriesUID: uid + ".2", Kind: "record"}},
		Records: []archive.Record{{ObjectUID: uid + ".2.1", Version: 1, Record: nondicom.Record{StudyKey: "17", StudyDate: "2026-01-31", ReportText: "No finding.\x00 未见异常。",
			Fields: []nondicom.Field{{Name: "WARD", Value: "7 north"}, {Name: "dose (mGy)", Value: "1.25"}}}}},
	}
	for i, content := range contents {
		object := fmt.Sprint(uid, ".3.", i+1)
		s.Objects = append(s.Objects, archive.Object{UID: object, SeriesUID: uid + ".3", Kind: "attachment"})
		s.Attachments = append(s.Attachments, archive.Attachment{ObjectUID: object, Version: i + 1, Kind: "text/plain", Bytes: int64(len(content)), Digest: digest(content),
			Attachment: nondicom.Attachment{Key: fmt.Sprint("k ", i+1), StudyKey: "17", Title: "Brief an 王小东", Location: "reports:a/b.txt", CreatedAt: "2026-01-31T14:05:00"},
			Open:       func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }})
	}
	return s
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func TestAStudyStandsInTheArchiveAsAWhole(t *testing.T) {
	b := newBench(t, archive.Options{})
	s := studyOf("1.2.3", text(100), noise(1000), text(100))
	names := b.put(s)
	want := "objects/" + digest(text(100))[:2] + "/" + digest(text(100))
	if names["k 1"] != want || names["k 3"] != want || names["k 2"] == want {
		t.Errorf("%v", names)
	}
	files := b.files()
	if len(files) != 4 || !slices.Contains(files, want) || !slices.Contains(files, "README.txt") || !slices.Contains(files, "index/1.2.3.jsonl") {
		t.Errorf("files %q", files)
	}
	for query, want := range map[string]string{
		`SELECT patient_name, patient_birth_date::text, study_date::text, study_time::text, accession_number FROM pacsbridge_study`: `Wang^XiaoDong=王^小东|1960-02-29|2026-01-31|14:05:00.25|A'17\`,
		`SELECT count(*) FROM pacsbridge_series`:                                                                    "3",
		`SELECT count(*), sum(bytes) FROM pacsbridge_object`:                                                        "5|{524288 0 false finite true}",
		`SELECT report_text, record->'fields'->1->>'value', version FROM pacsbridge_record`:                         "No finding.\uFFFD 未见异常。|1.25|1",
		`SELECT string_agg(attachment_key || ' ' || stored_bytes, ',' ORDER BY version) FROM pacsbridge_attachment`: fmt.Sprintf("k 1 %d,k 2 1000,k 3 %[1]d", len(text(100))),
	} {
		if got := b.sql(query); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	wantHeld(t, b, s, 4)
}

// wantHeld demands that so many of a study's records and attachments are held.
func wantHeld(t *testing.T, b *bench, s *archive.Study, want int) {
	t.Helper()
	held, err := b.archive.Holds(t.Context(), s)
	if err != nil || len(held) != want {
		t.Errorf("%d are held, want %d: %v %v", len(held), want, held, err)
	}
}

func TestPuttingAStudyAgainChangesNothing(t *testing.T) {
	b := newBench(t, archive.Options{Compress: true})
	s := studyOf("1.2.3", text(100), noise(1000))
	first := b.put(s)
	files, rows := b.files(), b.sql(`SELECT * FROM pacsbridge_attachment`)
	if second := b.put(s); fmt.Sprint(second) != fmt.Sprint(first) {
		t.Errorf("%v became %v", first, second)
	}
	if now := b.files(); !slices.Equal(now, files) {
		t.Errorf("files %q became %q", files, now)
	}
	if now := b.sql(`SELECT * FROM pacsbridge_attachment`); !slices.Equal(now, rows) {
		t.Errorf("rows %q became %q", rows, now)
	}
	s.Attachments[0].Title = "Amended"
	b.put(s)
	if got := b.sql(`SELECT title FROM pacsbridge_attachment WHERE attachment_key = 'k 1'`); got[0] != "Amended" {
		t.Errorf("%q", got)
	}
}

func TestWhatIsMissingIsNotHeld(t *testing.T) {
	for name, harm := range map[string]func(b *bench, s *archive.Study, file string) error{
		"a file":      func(_ *bench, _ *archive.Study, file string) error { return os.Remove(file) },
		"half a file": func(_ *bench, _ *archive.Study, file string) error { return os.Truncate(file, 10) },
		"a row": func(b *bench, _ *archive.Study, _ string) error {
			b.sql(`DELETE FROM pacsbridge_attachment WHERE attachment_key = 'k 1'`)
			return nil
		},
		"a record": func(b *bench, _ *archive.Study, _ string) error { b.sql(`DELETE FROM pacsbridge_record`); return nil },
		"another content": func(_ *bench, s *archive.Study, _ string) error {
			s.Attachments[0].Digest = digest([]byte("amended"))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, archive.Options{})
			s := studyOf("1.2.3", text(100), noise(1000))
			file := filepath.Join(b.store, b.put(s)["k 1"])
			wantHeld(t, b, s, 3)
			if err := harm(b, s, file); err != nil {
				t.Fatal(err)
			}
			wantHeld(t, b, s, 2)
		})
	}
}

func TestAContentThatIsAnotherIsNotArchived(t *testing.T) {
	for _, compress := range []bool{false, true} {
		b := newBench(t, archive.Options{Compress: compress})
		s := studyOf("1.2.3", text(100000))
		s.Attachments[0].Digest = digest([]byte("another"))
		_, err := b.archive.Put(t.Context(), s)
		var failed *archive.Error
		if !errors.As(err, &failed) || failed.Temporary() {
			t.Errorf("%v", err)
		}
		if files := b.files(); !slices.Equal(files, []string{"README.txt"}) {
			t.Errorf("left: %q", files)
		}
	}
}
