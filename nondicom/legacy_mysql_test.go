package nondicom_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"pacsbridge/nondicom"
	"pacsbridge/nondicom/servertest"
)

// mariaSuite is what MariaDB must do beyond that.
var mariaSuite = map[string]func(t *testing.T, db database){
	"nothing is written":                        testMariaReadOnly,
	"queries end at the server":                 testMariaTimeout,
	"errors quote no values":                    testMariaWithheld,
	"types become text":                         testMariaTypes,
	"text in a set that the columns do not say": testMariaCharset,
	"a wrong password is not for later":         testMariaPassword,
}

func TestLegacyOnMariaDB(t *testing.T) {
	server := servertest.MariaDB(t)
	for _, suite := range []map[string]func(t *testing.T, db database){legacySuite, mariaSuite} {
		for name, test := range suite {
			t.Run(name, func(t *testing.T) { test(t, newMaria(t, server)) })
		}
	}
}

// newMaria is a fresh database of the server.
func newMaria(t *testing.T, server string) database {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", schemas.Add(1))
	address := "root@tcp(" + u.Host + ")/"
	filler("mysql", address)(t, "CREATE DATABASE "+name)
	return database{
		url: server + name, integer: "integer", numeric: "numeric(12,2)", text: "varchar(60)", date: "date", timestamp: "datetime",
		castText: "char", fill: filler("mysql", address+name),
		keys: []keyCase{
			{"unsigned", "bigint unsigned", []string{"2", "10", "9223372036854775808", "18446744073709551615"}},
			{"decimal", "decimal(12,2)", []string{"2.50", "10.00", "10.25", "100.00"}},
			{"text in another set", "varchar(20) CHARACTER SET latin1 COLLATE latin1_german2_ci", []string{"B", "a", "z", "Ä", "ä"}},
			{"long text", "text CHARACTER SET gbk", []string{"a", "z", "患", "者"}},
			{"datetime as text", "datetime(1)", []string{"2026-01-01 10:00:00.0", "2026-01-01 10:00:00.5", "2026-01-02 09:00:00.0"}},
			{"padded with zero bytes", "binary(6)", []string{"10", "2", "AB", "ABC"}},
			{"identifier", "uuid", []string{"0a000000-0000-0000-0000-000000000001", "9f000000-0000-0000-0000-000000000001", "a0000000-0000-0000-0000-000000000001"}},
		},
	}
}

func testMariaReadOnly(t *testing.T, db database) {
	db.fill(t, "CREATE SEQUENCE counter")
	l := db.open(t, "SELECT nextval(counter) AS study_key FROM DUAL WHERE :from < :to", "")
	if _, err := l.Records(t.Context(), january, february, "", 1); err == nil || !strings.Contains(err.Error(), "READ ONLY") {
		t.Errorf("%v", err)
	}
}

func testMariaTimeout(t *testing.T, db database) {
	l, err := nondicom.OpenLegacy(t.Context(), nondicom.LegacyOptions{
		URL: db.url, Timeout: 200 * time.Millisecond,
		Records: "SELECT SLEEP(30) AS study_key FROM (SELECT 1 UNION SELECT 2) s WHERE :from < :to",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	begin := time.Now()
	_, err = l.Records(t.Context(), january, february, "", 1)
	var legacy *nondicom.LegacyError
	if !errors.As(err, &legacy) || !legacy.Temporary() || legacy.Code != "1969" || time.Since(begin) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func testMariaWithheld(t *testing.T, db database) {
	db.fill(t, "CREATE TABLE study (study_key int, name varchar(20))", "INSERT INTO study VALUES (1, 'Geheim^Anna')")
	for _, query := range []string{
		"SELECT study_key, 9223372036854775807 + study_key AS note FROM study WHERE :from < :to",
		"SELECT study_key FROM study WHERE :from < :to AND (SELECT name FROM study UNION SELECT 'b') = 'c'",
	} {
		_, err := db.open(t, query, "").Records(t.Context(), january, february, "", 1)
		var legacy *nondicom.LegacyError
		if !errors.As(err, &legacy) || strings.Contains(err.Error(), "Geheim") || legacy.Code == "" || legacy.Temporary() {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func testMariaTypes(t *testing.T, db database) {
	db.fill(t, `CREATE TABLE study (study_key int, study_date datetime, born date, seen datetime(6), changed timestamp NULL, at time, bit1 bit(1), u bigint unsigned,
			d decimal(9,2), f float, g double, raw blob, note blob, bin binary(3), j json, y year, e enum('x','y'))`,
		`INSERT INTO study VALUES (1, '2026-01-02 10:11:12', '0000-00-00', '0000-00-00 00:00:00', '2026-01-02 03:04:05', '08:09:10', 1, 18446744073709551615,
			1.50, 0.1, 0.1, X'00FF', 'No finding.', 'a', '{"x":1}', 2026, 'y')`)
	l := db.open(t, "SELECT *, born AS patient_birth_date FROM study WHERE study_date >= :from AND study_date < :to", "")
	got, err := l.Records(t.Context(), january, february, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if r := got[0]; r.StudyDate != "2026-01-02" || r.PatientBirthDate != "" {
		t.Errorf("%+v", r)
	}
	var values []string
	for _, field := range got[0].Fields {
		values = append(values, field.Value)
	}
	want := []string{"", "", "2026-01-02T03:04:05", "08:09:10", "01", "18446744073709551615", "1.50", "0.1", "0.1", "00ff", "No finding.", "610000", `{"x":1}`, "2026", "y"}
	if !slices.Equal(values, want) {
		t.Errorf("%q\nwant %q", values, want)
	}
}

func testMariaCharset(t *testing.T, db database) {
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("王小东：未见异常，联通")
	if err != nil {
		t.Fatal(err)
	}
	db.fill(t, "CREATE TABLE study (study_key varchar(40) CHARACTER SET latin1, study_date date, patient_name varchar(100) CHARACTER SET latin1, report_text text CHARACTER SET latin1, "+
		"description varchar(40) CHARACTER SET gbk, department varchar(40), note blob)",
		fmt.Sprintf("INSERT INTO study VALUES (X'%x', '2026-01-02', X'%x', X'%x', '胸部', '放射科', X'%x')", gbk, gbk, gbk, gbk),
		fmt.Sprintf("INSERT INTO study VALUES ('zz', '2026-01-02', 'Doe^Jane', X'%x', 'x', 'y', X'%x')", "No finding, 35 \xb5m", "\x00\x01\xff"))
	l, err := nondicom.OpenLegacy(t.Context(), nondicom.LegacyOptions{URL: db.url, Records: studies, Charset: "gbk"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if keys := keysByPages(t, l, "", 1); len(keys) != 2 {
		t.Errorf("%q", keys)
	}
	got, err := l.Records(t.Context(), january, february, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	const text = "王小东：未见异常，联通"
	slices.SortFunc(got, func(a, b nondicom.Record) int { return strings.Compare(b.PatientName, a.PatientName) })
	if r := got[0]; r.PatientName != text || r.ReportText != text || r.Description != "胸部" || r.Department != "放射科" || r.Fields[0].Value != text {
		t.Errorf("%+v", r)
	}
	if r := got[1]; r.PatientName != "Doe^Jane" || r.Fields[0].Value != "0001ff" {
		t.Errorf("%+v", r)
	}
}

func testMariaPassword(t *testing.T, db database) {
	db.fill(t, "CREATE USER IF NOT EXISTS reader@'%' IDENTIFIED BY 'richtig/1'")
	u, err := url.Parse(db.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("reader", "falsch/1")
	_, err = nondicom.OpenLegacy(t.Context(), nondicom.LegacyOptions{URL: u.String(), Records: studies})
	var legacy *nondicom.LegacyError
	if !errors.As(err, &legacy) || legacy.Temporary() || legacy.Code != "1045" || strings.Contains(err.Error(), "falsch") {
		t.Errorf("%v", err)
	}
}
