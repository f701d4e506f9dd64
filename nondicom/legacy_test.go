package nondicom_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/nondicom"
)

// database is one kind of legacy database under test: a fresh one, filled by
// statements.
type database struct {
	url  string
	fill func(t *testing.T, statements ...string)
	// types of columns in its SQL
	integer, numeric, text, date, timestamp string
	castText                                string // the type that CAST makes text with
	keys                                    []keyCase
}

// legacySuite is what every kind of legacy database must do.
var legacySuite = map[string]func(t *testing.T, db database){
	"pages follow the keys in their own order":          testPages,
	"windows take their first day and leave the last":   testWindows,
	"records map their columns":                         testColumns,
	"faults of queries name the column and no value":    testFaults,
	"a cursor of another query is refused":              testCursor,
	"attachments of a record":                           testAttachments,
	"attachments that cannot be told apart are refused": testAttachmentFaults,
	"attachments of keys with blanks at their end":      testPaddedKeys,
	"a cancelled query ends with the context's error":   testCancelled,
}

func TestLegacyOnSQLite(t *testing.T) {
	for name, test := range legacySuite {
		t.Run(name, func(t *testing.T) { test(t, newSQLite(t)) })
	}
}

func newSQLite(t *testing.T) database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ris #1.db")
	return database{
		url: "sqlite:" + path, integer: "INTEGER", numeric: "NUMERIC", text: "TEXT", date: "DATE", timestamp: "TIMESTAMP",
		castText: "text", keys: []keyCase{{"without a type", "", []string{"10", "2", "a"}}},
		fill: filler("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()),
	}
}

func filler(driver, address string) func(t *testing.T, statements ...string) {
	return func(t *testing.T, statements ...string) {
		t.Helper()
		db, err := sql.Open(driver, address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, statement := range statements {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
}

const studies = "SELECT * FROM study WHERE study_date >= :from AND study_date < :to"

func (db database) open(t *testing.T, records, attachments string) *nondicom.Legacy {
	t.Helper()
	l, err := nondicom.OpenLegacy(t.Context(), nondicom.LegacyOptions{URL: db.url, Records: records, Attachments: attachments, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func day(text string) time.Time {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return d
}

var january, february = day("2026-01-01"), day("2026-02-01")

// keysByPages pages through a query and returns the keys.
func keysByPages(t *testing.T, l *nondicom.Legacy, after string, limit int) []string {
	t.Helper()
	var keys []string
	for {
		records, err := l.Records(t.Context(), january, february, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return keys
		}
		if len(records) > limit {
			t.Fatalf("%d records in a page of %d", len(records), limit)
		}
		for _, r := range records {
			keys = append(keys, r.StudyKey)
		}
		if after = keys[len(keys)-1]; len(keys) > 1000 {
			t.Fatal("the pages never end")
		}
	}
}

// keyCase is a column of keys, in the order expected of them.
type keyCase struct {
	name, kind string
	keys       []string
}

// keyCases are the kinds of keys a database can have.
func keyCases(db database) []keyCase {
	return append([]keyCase{
		{"integer", db.integer, []string{"-7", "0", "2", "10", "100", "9999999"}},
		{"bigint", "bigint", []string{"3", "9007199254740993", "9007199254740994", "9223372036854775807"}},
		{"text", db.text, []string{"10", "2", "A-1", "B", "a", "ä", "患者"}},
		{"padded", "char(6)", []string{"10", "2", "AB", "ABC"}},
	}, db.keys...)
}

func testPages(t *testing.T, db database) {
	for i, c := range keyCases(db) {
		t.Run(c.name, func(t *testing.T) {
			table := fmt.Sprintf("keys%d", i)
			db.fill(t, "CREATE TABLE "+table+" (study_key "+c.kind+", study_date "+db.date+")")
			for _, j := range []int{3, 1, 2, 0, 6, 5, 4} {
				if j < len(c.keys) {
					db.fill(t, fmt.Sprintf("INSERT INTO %s VALUES ('%s', '2026-01-15')", table, c.keys[j]))
				}
			}
			l := db.open(t, "SELECT * FROM "+table+" WHERE study_date >= :from AND study_date < :to", "")
			for limit := 1; limit <= 3; limit++ {
				if diff := cmp.Diff(c.keys, keysByPages(t, l, "", limit)); diff != "" {
					t.Errorf("pages of %d: %s", limit, diff)
				}
			}
			for n, key := range c.keys { // as after a restart, by a cursor alone
				fresh := db.open(t, "SELECT * FROM "+table+" WHERE study_date >= :from AND study_date < :to", "")
				if got := keysByPages(t, fresh, key, 2); !slices.Equal(got, c.keys[n+1:]) {
					t.Errorf("after %s: %v", key, got)
				}
			}
		})
	}
}

func testWindows(t *testing.T, db database) {
	db.fill(t, "CREATE TABLE study (study_key "+db.integer+", study_date "+db.timestamp+")",
		"INSERT INTO study VALUES (1, '2025-12-31 23:59:59'), (2, '2026-01-01 00:00:00'), (3, '2026-01-31 23:59:59'), (4, '2026-02-01 00:00:00'), (5, NULL)")
	if got := keysByPages(t, db.open(t, studies, ""), "", 10); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("%v", got)
	}
}

func testColumns(t *testing.T, db database) {
	db.fill(t, fmt.Sprintf(`CREATE TABLE study (study_key %s, day %s, born text, at text, name char(20), sex text, note %s, weight real, seen %s, report text)`,
		db.integer, db.date, db.text, db.timestamp),
		`INSERT INTO study VALUES
			(1, '2026-01-02', '19600131', '14:05', 'Müller^Anna', 'F', 'x  ', 61.5, '2026-01-02 10:11:12', 'No finding.'),
			(2, '2026-01-03', '1960/01/31', '140506.5', NULL, NULL, NULL, NULL, NULL, NULL),
			(3, '2026-01-04', 'about 1960', 'noon', '患者', 'M', '', 0, NULL, '')`)
	l := db.open(t, `SELECT report AS "Report_Text", study_key AS "STUDY_KEY", day AS "Study_Date", born AS patient_birth_date, at AS study_time,
			name AS patient_name, sex AS patient_sex, weight AS "Weight", note, seen FROM study WHERE day >= :from AND day < :to -- all of them`, "")
	got, err := l.Records(t.Context(), january, february, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []nondicom.Record{
		{StudyKey: "1", StudyDate: "2026-01-02", PatientBirthDate: "1960-01-31", StudyTime: "14:05:00", PatientName: "Müller^Anna", PatientSex: "F", ReportText: "No finding.",
			Fields: []nondicom.Field{{"Weight", "61.5"}, {"note", "x"}, {"seen", "2026-01-02T10:11:12"}}},
		{StudyKey: "2", StudyDate: "2026-01-03", PatientBirthDate: "1960-01-31", StudyTime: "14:05:06.5",
			Fields: []nondicom.Field{{"Weight", ""}, {"note", ""}, {"seen", ""}}},
		{StudyKey: "3", StudyDate: "2026-01-04", PatientName: "患者", PatientSex: "M",
			Fields: []nondicom.Field{{"Weight", "0"}, {"note", ""}, {"seen", ""}, {"patient_birth_date", "about 1960"}, {"study_time", "noon"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func testFaults(t *testing.T, db database) {
	db.fill(t, "CREATE TABLE study (study_key "+db.text+", study_date "+db.date+", patient_name text)",
		"INSERT INTO study VALUES ('K1', '2026-01-02', 'Geheim^Anna'), ('K1', '2026-01-02', 'Geheim^Anna')",
		"CREATE TABLE keyless (study_key "+db.integer+", study_date "+db.date+")",
		"INSERT INTO keyless VALUES (1, '2026-01-02'), (NULL, '2026-01-02')")
	for name, c := range map[string]struct{ query, want string }{
		"no key":         {"SELECT study_date, patient_name FROM study WHERE study_date >= :from AND study_date < :to", "no column study_key in the result (its columns: study_date, patient_name)"},
		"not unique":     {studies, "not unique"},
		"a row without":  {strings.ReplaceAll(studies, "study WHERE", "keyless WHERE"), "a row has no study_key"},
		"unknown table":  {"SELECT * FROM nowhere WHERE study_date >= :from AND study_date < :to", "nowhere"},
		"unknown column": {"SELECT * FROM study WHERE datum >= :from AND datum < :to", "datum"},
	} {
		for limit := 1; limit <= 2; limit++ {
			_, err := db.open(t, c.query, "").Records(t.Context(), january, february, "", limit)
			var legacy *nondicom.LegacyError
			if !errors.As(err, &legacy) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Geheim") || legacy.Temporary() {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func testCursor(t *testing.T, db database) {
	db.fill(t, "CREATE TABLE study (study_key "+db.integer+", study_date "+db.date+")", "INSERT INTO study VALUES (1, '2026-01-02')")
	if _, err := db.open(t, studies, "").Records(t.Context(), january, february, "K-17", 1); err == nil || !strings.Contains(err.Error(), "not a number") {
		t.Errorf("%v", err)
	}
}

func testAttachments(t *testing.T, db database) {
	db.fill(t, fmt.Sprintf(`CREATE TABLE file (id %s, study_key %s, place text, title text, length %s, sum text, made %s)`, db.integer, db.integer, db.numeric, db.timestamp),
		`INSERT INTO file VALUES (9, 42, 'reports:9.pdf', 'Letter', 1234, 'ABCDEF', '2026-01-02 10:11:12'),
			(10, 42, 'scans:a b.jpg', NULL, NULL, NULL, NULL), (11, 42, NULL, NULL, 0, NULL, NULL), (12, 43, 'reports:12.pdf', NULL, NULL, NULL, NULL)`)
	l := db.open(t, "SELECT id AS study_key FROM file WHERE made >= :from AND made < :to",
		strings.ReplaceAll(`SELECT id AS attachment_key, place AS "LOCATION", title, length AS size, sum AS sha256, made AS created_at, 'application/pdf' AS mime
			FROM file WHERE study_key = :study_key AND 'x:' <> ':study_key' AND CAST(study_key AS TYPE) LIKE CAST(:study_key AS TYPE);`, "TYPE", db.castText))
	got, err := l.Attachments(t.Context(), nondicom.Record{StudyKey: "42"})
	if err != nil {
		t.Fatal(err)
	}
	want := []nondicom.Attachment{
		{Key: "10", StudyKey: "42", Location: "scans:a b.jpg", MIME: "application/pdf", Size: -1},
		{Key: "11", StudyKey: "42", MIME: "application/pdf", Size: -1},
		{Key: "9", StudyKey: "42", Location: "reports:9.pdf", Title: "Letter", MIME: "application/pdf", Size: 1234, SHA256: "abcdef", CreatedAt: "2026-01-02T10:11:12"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none, err := l.Attachments(t.Context(), nondicom.Record{StudyKey: "1"}); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

func testPaddedKeys(t *testing.T, db database) {
	db.fill(t, "CREATE TABLE study (study_key "+db.text+", study_date "+db.date+")",
		"INSERT INTO study VALUES ('K1', '2026-01-02'), ('K2  ', '2026-01-02'), ('K3  ', '2026-01-02'), ('K4', '2026-01-02')",
		"CREATE TABLE file (attachment_key text, location text, study_key "+db.text+")",
		"INSERT INTO file VALUES ('a', 'r:a', 'K1'), ('b', 'r:b', 'K2  '), ('c', 'r:c', 'K2'), ('d', 'r:d', 'K3')")
	l := db.open(t, studies, "SELECT * FROM file WHERE study_key = :study_key")
	if got := keysByPages(t, l, "", 1); !slices.Equal(got, []string{"K1", "K2", "K3", "K4"}) {
		t.Errorf("%q", got)
	}
	records, err := l.Records(t.Context(), january, february, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		attachments, err := l.Attachments(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range attachments {
			got = append(got, a.StudyKey+" has "+a.Key)
		}
	}
	if want := []string{"K1 has a", "K2 has b", "K2 has c", "K3 has d"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	db.fill(t, "INSERT INTO study VALUES ('K1  ', '2026-01-02')") // which the ledger could not tell from K1
	if _, err := l.Records(t.Context(), january, february, "", 1); err == nil || !strings.Contains(err.Error(), "not unique") {
		t.Errorf("%v", err)
	}
}

func testAttachmentFaults(t *testing.T, db database) {
	db.fill(t, "CREATE TABLE file (attachment_key text, location text, study_key text)",
		"INSERT INTO file VALUES ('a', 'r:1', 'twice'), ('a', 'r:2', 'twice'), (NULL, 'r:3', 'none')")
	records := "SELECT study_key FROM file WHERE :from < :to"
	l := db.open(t, records, "SELECT * FROM file WHERE study_key = :study_key")
	for key, want := range map[string]string{"twice": "not unique", "none": "no attachment_key"} {
		if _, err := l.Attachments(t.Context(), nondicom.Record{StudyKey: key}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", key, err)
		}
	}
	l = db.open(t, records, "SELECT attachment_key FROM file WHERE study_key = :study_key")
	if _, err := l.Attachments(t.Context(), nondicom.Record{StudyKey: "twice"}); err == nil || !strings.Contains(err.Error(), "no column location") {
		t.Errorf("%v", err)
	}
}

func testCancelled(t *testing.T, db database) {
	db.fill(t, "CREATE TABLE study (study_key "+db.integer+", study_date "+db.date+")")
	l := db.open(t, studies, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Records(ctx, january, february, "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestOpenLegacyRefusesByName(t *testing.T) {
	good := nondicom.LegacyOptions{URL: "sqlite:" + filepath.Join(t.TempDir(), "none.db"), Records: studies}
	with := func(change func(o *nondicom.LegacyOptions)) nondicom.LegacyOptions {
		o := good
		change(&o)
		return o
	}
	for want, options := range map[string]nondicom.LegacyOptions{
		"unable to open database file":     good,
		"legacy.charset: \"klingon\"":      with(func(o *nondicom.LegacyOptions) { o.Charset = "klingon" }),
		"unknown parameter multiStat":      with(func(o *nondicom.LegacyOptions) { o.URL = "mysql://u:geheim@h/d?multiStatements=true" }),
		"mysql URL cannot be read":         with(func(o *nondicom.LegacyOptions) { o.URL = "mysql://u:geheim@h:port/d" }),
		"sqlserver URL cannot be read":     with(func(o *nondicom.LegacyOptions) { o.URL = "sqlserver://u:geheim@h:port/d" }),
		"oracle URL cannot be read":        with(func(o *nondicom.LegacyOptions) { o.URL = "oracle://u:geheim@h:port/d" }),
		"asks for a trace file":            with(func(o *nondicom.LegacyOptions) { o.URL = "oracle://u:geheim@h/d?trace+file=x" }),
		"connect: dial tcp":                with(func(o *nondicom.LegacyOptions) { o.URL = "mysql://u:geheim@127.0.0.1:1/d" }),
		`"mongo" is not a known kind`:      with(func(o *nondicom.LegacyOptions) { o.URL = "mongo://u:geheim@h/d" }),
		"has no scheme":                    with(func(o *nondicom.LegacyOptions) { o.URL = "geheim" }),
		"postgres URL cannot be read":      with(func(o *nondicom.LegacyOptions) { o.URL = "postgres://u:geheim@h:port/d" }),
		"legacy database: connect":         with(func(o *nondicom.LegacyOptions) { o.URL = "postgres://u:geheim@127.0.0.1:1/d" }),
		"sqlite: without a path":           with(func(o *nondicom.LegacyOptions) { o.URL = "sqlite:" }),
		"legacy.records: no :to":           with(func(o *nondicom.LegacyOptions) { o.Records = "SELECT :from" }),
		"legacy.records: the query is":     with(func(o *nondicom.LegacyOptions) { o.Records = "" }),
		"legacy.attachments: no :study":    with(func(o *nondicom.LegacyOptions) { o.Attachments = "SELECT 1" }),
		"legacy.attachments: unknown para": with(func(o *nondicom.LegacyOptions) { o.Attachments = "SELECT :from" }),
	} {
		_, err := nondicom.OpenLegacy(t.Context(), options)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
