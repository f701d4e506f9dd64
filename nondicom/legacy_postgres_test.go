package nondicom_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pacsbridge/nondicom"
	"pacsbridge/staging/pgtest"
)

// postgresSuite is what PostgreSQL must do beyond that.
var postgresSuite = map[string]func(t *testing.T, db database){
	"nothing is written":                  testReadOnly,
	"queries end at the server":           testTimeout,
	"errors quote no values":              testWithheld,
	"types become text":                   testTypes,
	"a column that stands twice is named": testTwice,
}

func TestLegacyOnPostgres(t *testing.T) {
	server := pgtest.Start(t)
	for _, suite := range []map[string]func(t *testing.T, db database){legacySuite, postgresSuite} {
		for name, test := range suite {
			t.Run(name, func(t *testing.T) { test(t, newPostgres(t, server)) })
		}
	}
}

var schemas atomic.Int64

// newPostgres is a fresh schema of the server.
func newPostgres(t *testing.T, server string) database {
	t.Helper()
	schema := fmt.Sprintf("test%d", schemas.Add(1))
	filler("pgx", server)(t, "CREATE SCHEMA "+schema)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return database{
		url: u.String(), integer: "integer", numeric: "numeric(12,2)", text: "text", date: "date", timestamp: "timestamp",
		castText: "text", fill: filler("pgx", u.String()),
		keys: []keyCase{
			{"numeric", "numeric(12,2)", []string{"2.50", "10.00", "10.25", "100.00"}},
			{"uuid", "uuid", []string{"0a000000-0000-0000-0000-000000000001", "9f000000-0000-0000-0000-000000000001", "a0000000-0000-0000-0000-000000000001"}},
			{"varchar in a collation", `varchar(20) COLLATE "en-x-icu"`, []string{"B", "Z", "a", "z"}},
			{"timestamp as text", "timestamp", []string{"2026-01-01 10:00:00", "2026-01-01 10:00:00.5", "2026-01-02 09:00:00"}},
		},
	}
}

func testTwice(t *testing.T, db database) {
	l := db.open(t, `SELECT 1 AS study_key, 2 AS "Study_Key" WHERE :from < :to`, "")
	if _, err := l.Records(t.Context(), january, february, "", 1); err == nil || !strings.Contains(err.Error(), "study_key stands twice") {
		t.Errorf("%v", err)
	}
}

func testReadOnly(t *testing.T, db database) {
	db.fill(t, "CREATE SEQUENCE counter", "CREATE TABLE study (study_key int, study_date date)", "INSERT INTO study VALUES (1, '2026-01-02')")
	l := db.open(t, "SELECT nextval('counter') AS study_key WHERE :from < :to", "")
	if _, err := l.Records(t.Context(), january, february, "", 1); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
		t.Errorf("%v", err)
	}
}

func testTimeout(t *testing.T, db database) {
	l, err := nondicom.OpenLegacy(t.Context(), nondicom.LegacyOptions{
		URL: db.url, Timeout: 200 * time.Millisecond,
		Records: "SELECT 1 AS study_key FROM pg_sleep(30) WHERE :from < :to",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = l.Records(t.Context(), january, february, "", 1)
	var legacy *nondicom.LegacyError
	if !errors.As(err, &legacy) || legacy.Code != "57014" || !legacy.Temporary() {
		t.Errorf("%v", err)
	}
}

func testWithheld(t *testing.T, db database) {
	db.fill(t, "CREATE TABLE study (study_key int, name text)", "INSERT INTO study VALUES (1, 'Geheim^Anna')")
	for _, query := range []string{
		"SELECT study_key, name::int AS weight FROM study WHERE :from < :to",
		"SELECT study_key, name::date AS study_date FROM study WHERE :from < :to",
		"SELECT study_key, name::json AS note FROM study WHERE :from < :to",
	} {
		_, err := db.open(t, query, "").Records(t.Context(), january, february, "", 1)
		var legacy *nondicom.LegacyError
		if !errors.As(err, &legacy) || strings.Contains(err.Error(), "Geheim") || !strings.HasPrefix(legacy.Code, "22") || legacy.Temporary() {
			t.Errorf("%v", err)
		}
	}
}

func testTypes(t *testing.T, db database) {
	db.fill(t, "ALTER ROLE CURRENT_USER SET TimeZone = 'Asia/Shanghai'")
	l := db.open(t, `SELECT 7::bigint AS study_key, timestamptz '2026-01-01 23:30:00+00' AS study_date, time '08:09:10' AS study_time,
		true AS a, 1.50::numeric AS b, '\x00ff'::bytea AS c, '{1,2}'::int[] AS d, '{"x":1}'::jsonb AS e, 'y'::char(5) AS f,
		timestamptz '2026-01-01 23:30:00+00' AS g, NULL::uuid AS h, interval '1 day' AS i, 'infinity'::float8 AS j
		WHERE :from < :to AND :from::date = date '2026-01-01'`, "")
	got, err := l.Records(t.Context(), january, february, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if r := got[0]; r.StudyDate != "2026-01-02" || r.StudyTime != "08:09:10" {
		t.Errorf("in the server's zone it is the morning of the 2nd: %+v", r)
	}
	var values []string
	for _, field := range got[0].Fields {
		values = append(values, field.Value)
	}
	want := []string{"true", "1.50", "00ff", "{1,2}", `{"x": 1}`, "y", "2026-01-02T07:30:00+08:00", "", "1 day", "+Inf"}
	if !slices.Equal(values, want) {
		t.Errorf("%q\nwant %q", values, want)
	}
}
