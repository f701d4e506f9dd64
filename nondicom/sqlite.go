package nondicom

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	driver "modernc.org/sqlite"
)

// sqlite is SQLite, for the demonstration and for old systems that fit in a
// file.
var sqlite = dialect{
	lexis:       lexis{brackets: true, backticks: true},
	connect:     connectSQLite,
	zone:        func(context.Context, *sql.DB) *time.Location { return time.UTC },
	begin:       readOnly,
	bound:       func(context.Context, *sql.Tx, time.Duration) error { return nil }, // the context interrupts it: it runs in this process
	placeholder: func(n int) string { return "?" + strconv.Itoa(n) },
	date:        func(placeholder string) string { return placeholder }, // it has no dates, only text
	key:         keyOfSQLite,
	quote:       quoteName,
	nullsFirst:  " NULLS FIRST",
	limit:       limitBehind,
	explain:     explainSQLite,
}

// connectSQLite opens sqlite:path, never creating the file.
func connectSQLite(address string) (*sql.DB, error) {
	_, path, _ := strings.Cut(address, ":")
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "//"), "?")
	if path == "" {
		return nil, errors.New("legacy database: sqlite: without a path")
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	return sql.Open("sqlite", file.String()+"?mode=ro&_busy_timeout=5000&_query_only=1")
}

// keyOfSQLite goes by the column's declared type, and where an expression has
// none by its first value.
func keyOfSQLite(ctx context.Context, tx *sql.Tx, probe keyProbe) (keyColumn, error) {
	kind := strings.ToUpper(probe.kind)
	if kind == "" {
		err := tx.QueryRowContext(ctx, "SELECT upper(typeof("+probe.column+")) "+probe.derive+" LIMIT 1", probe.values...).Scan(&kind)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return keyColumn{}, err
		}
	}
	text := "CAST(" + probe.column + " AS TEXT)"
	if strings.Contains(kind, "INT") || strings.Contains(kind, "NUMERIC") || strings.Contains(kind, "DECIMAL") {
		return keyColumn{
			order:   probe.column,
			text:    text,
			cursor:  func(p string) string { return "CAST(" + p + " AS NUMERIC)" },
			numeric: true,
		}, nil
	}
	return keyColumn{order: "rtrim(" + text + ") COLLATE BINARY", text: text, cursor: func(p string) string { return p }}, nil
}

// SQLite's result codes that pass: SQLITE_BUSY and SQLITE_LOCKED.
const (
	sqliteBusy   = 5
	sqliteLocked = 6
)

func explainSQLite(doing string, err error) *LegacyError {
	var answer *driver.Error
	if !errors.As(err, &answer) {
		return &LegacyError{Doing: doing, Text: "a value could not be carried by the driver"}
	}
	primary := answer.Code() & 0xFF
	return &LegacyError{
		Doing: doing, Code: strconv.Itoa(answer.Code()), Text: answer.Error(),
		temporary: primary == sqliteBusy || primary == sqliteLocked,
	}
}
