package nondicom

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorder is a database that writes down what it is asked. To every query it
// answers one row.
type recorder struct {
	said    strings.Builder
	columns []recordedColumn
}

type recordedColumn struct {
	name, kind string
	scale      int64
	value      driver.Value
}

func (r *recorder) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (r *recorder) Driver() driver.Driver                        { return nil }
func (r *recorder) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (r *recorder) Close() error                                 { return nil }
func (r *recorder) Commit() error                                { fmt.Fprintln(&r.said, "COMMIT"); return nil }
func (r *recorder) Rollback() error                              { fmt.Fprint(&r.said, "ROLLBACK\n\n"); return nil }
func (r *recorder) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }

func (r *recorder) BeginTx(_ context.Context, options driver.TxOptions) (driver.Tx, error) {
	fmt.Fprintf(&r.said, "BEGIN (the driver makes it read-only: %t)\n", options.ReadOnly)
	return r, nil
}

func (r *recorder) ExecContext(_ context.Context, query string, values []driver.NamedValue) (driver.Result, error) {
	r.write(query, values)
	return driver.RowsAffected(0), nil
}

func (r *recorder) QueryContext(_ context.Context, query string, values []driver.NamedValue) (driver.Rows, error) {
	r.write(query, values)
	rows := &recordedRows{columns: r.columns}
	if !strings.Contains(strings.ToLower(query), keyAlias) {
		rows.columns = rows.columns[:len(rows.columns)-1]
	}
	return rows, nil
}

func (r *recorder) write(query string, values []driver.NamedValue) {
	fmt.Fprintln(&r.said, query)
	for _, v := range values {
		fmt.Fprintf(&r.said, "    %d = %q\n", v.Ordinal, v.Value)
	}
}

type recordedRows struct {
	columns []recordedColumn
	read    bool
}

func (r *recordedRows) Columns() (names []string) {
	for _, c := range r.columns {
		names = append(names, c.name)
	}
	return names
}
func (r *recordedRows) ColumnTypeDatabaseTypeName(i int) string { return r.columns[i].kind }
func (r *recordedRows) ColumnTypePrecisionScale(i int) (int64, int64, bool) {
	return 0, r.columns[i].scale, true
}
func (r *recordedRows) Close() error { return nil }
func (r *recordedRows) Next(to []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read = true
	for i, c := range r.columns {
		to[i] = c.value
	}
	return nil
}

// TestTheSQLOfServersThatCannotBeHad holds what SQL Server and Oracle would be
// sent against what was agreed on. With -update it is written anew.
func TestTheSQLOfServersThatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		dialect *dialect
		kinds   []recordedColumn // of the key
	}{
		"sqlserver": {&sqlServer, []recordedColumn{{kind: "INT", value: int64(42)}, {kind: "DECIMAL", scale: 2, value: []byte("42.50")}, {kind: "VARCHAR", value: "K 42  "}}},
		"oracle":    {&oracle, []recordedColumn{{kind: "NUMBER", value: "42"}, {kind: "NCHAR", value: "K 42  "}}},
	} {
		t.Run(name, func(t *testing.T) {
			var said strings.Builder
			for _, key := range c.kinds {
				fmt.Fprintf(&said, "-- study_key is %s\n\n%s", key.kind, converse(t, c.dialect, key))
			}
			path := filepath.Join("testdata", "sql", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(said.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), said.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// converse asks for two pages of records and for attachments. The second page is the
// first one again, as of a database that orders keys otherwise than it gives them.
func converse(t *testing.T, d *dialect, key recordedColumn) string {
	t.Helper()
	column := func(name, kind string, value driver.Value) recordedColumn {
		return recordedColumn{name: strings.ToUpper(name), kind: kind, value: value}
	}
	key.name = "STUDY_KEY"
	cursor := key
	cursor.name = strings.ToUpper(keyAlias)
	r := &recorder{columns: []recordedColumn{key, column("study_date", "DATE", day(2026, 1, 2)), column("attachment_key", "INT", int64(7)), column("location", "VARCHAR", "a:b"), cursor}}
	l := &Legacy{dialect: d, db: sql.OpenDB(r), batch: 50, timeout: time.Minute, cells: cells{zone: time.UTC, raw: d.cell}}
	defer l.db.Close()
	err := l.parse(LegacyOptions{
		Records:     "SELECT id study_key, day study_date FROM exam WHERE day >= :from AND day < :to AND note <> 'from :from' -- the exams",
		Attachments: "SELECT * FROM files WHERE study = :study_key",
	})
	if err != nil {
		t.Fatal(err)
	}
	records, err := l.Records(t.Context(), day(2026, 1, 1), day(2026, 2, 1), "", 50)
	if err != nil || len(records) != 1 || records[0].StudyDate != "2026-01-02" {
		t.Fatalf("%+v, %v", records, err)
	}
	if again, err := l.Records(t.Context(), day(2026, 1, 1), day(2026, 2, 1), records[0].StudyKey, 50); !errors.As(err, new(*LegacyError)) {
		t.Errorf("the pages have no end: %+v, %v", again, err)
	}
	if _, err := l.Attachments(t.Context(), records[0]); err != nil {
		t.Fatal(err)
	}
	return r.said.String()
}

func day(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

func TestValuesOfDriversBecomeText(t *testing.T) {
	c := cells{zone: time.UTC, raw: sqlServer.cell}
	shanghai := time.FixedZone("", 8*3600)
	for _, v := range []struct {
		value      any
		kind, want string
	}{
		{[]byte("\x01\x23\x45\x67\x89\xAB\xCD\xEF\x01\x23\x45\x67\x89\xAB\xCD\xEF"), "UNIQUEIDENTIFIER", "67452301-AB89-EFCD-0123-456789ABCDEF"},
		{time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), "DATETIMEOFFSET", "2026-01-02T00:00:00Z"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, shanghai), "DATETIMEOFFSET", "2026-01-02T03:04:05+08:00"},
		{time.Date(1, 1, 1, 3, 4, 5, 6000000, time.UTC), "TIME", "03:04:05.006"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "DATE", "2026-01-02T03:04:05"}, // Oracle's has a time of day
		{[]byte("1.50"), "DECIMAL", "1.50"},
		{[]byte("\x89PNG"), "VARBINARY", "89504e47"},
		{"0000-00-00 00:00:00", "DATETIME", ""},
		{"0000-00-00", "DATE", ""},
		{"0", "INT", "0"},
		{true, "BIT", "true"},
	} {
		if got := c.text(c.raw(v.value, v.kind), v.kind); got != v.want {
			t.Errorf("%v as %s is %q, want %q", v.value, v.kind, got, v.want)
		}
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ set, raw, want string }{
		{"gbk", "\xcd\xf5", "王"},
		{"gbk", "Íõ", "王"},              // as a server makes it of Latin-1
		{"gbk", "患者", "患者"},             // rightly declared
		{"gbk", "Doe", "Doe"},           // ASCII
		{"gbk", "\xff\xff", "\xff\xff"}, // no text at all
		{"latin1", "M\xfcller", "Müller"},
		{"latin1", "Müller", "Müller"},
		{"windows-1251", "\xc8\xe2\xe0\xed", "Иван"},
		{"utf-8", "MÃ¼ller", "Müller"}, // UTF-8 in a column of Latin-1
		{"utf-8", "â‚¬", "€"},
		{"utf-8", "Müller", "Müller"},
		{"", "\xcd\xf5", "\xcd\xf5"},
	} {
		set, err := newCharset(c.set)
		if err != nil {
			t.Fatal(err)
		}
		if got := set.decode(c.raw); got != c.want {
			t.Errorf("%q in %s is %q, want %q", c.raw, c.set, got, c.want)
		}
	}
}
