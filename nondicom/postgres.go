package nondicom

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is PostgreSQL through pgx.
var postgres = dialect{
	lexis:       lexis{escapes: true, dollars: true, nested: true},
	connect:     connectPostgres,
	zone:        zoneOfPostgres,
	begin:       readOnly,
	bound:       boundPostgres,
	placeholder: func(n int) string { return "$" + strconv.Itoa(n) },
	date:        func(placeholder string) string { return "CAST(" + placeholder + " AS date)" },
	key:         keyOfPostgres,
	quote:       quoteName,
	nullsFirst:  " NULLS FIRST",
	limit:       limitBehind,
	explain:     explainPostgres,
}

func connectPostgres(url string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("legacy database: the postgres URL cannot be read (postgres://user:password@host:port/database)")
	}
	if !strings.Contains(url, "default_query_exec_mode") {
		// No prepared statement outlives its transaction: a pooler between
		// us and the server would hand it to somebody else.
		config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	}
	return stdlib.OpenDB(*config), nil
}

// zoneOfPostgres is the zone in which the server compares its timestamps with
// our dates, and so the zone that says on which day a timestamp falls.
func zoneOfPostgres(ctx context.Context, db *sql.DB) *time.Location {
	var name string
	if db.QueryRowContext(ctx, "SHOW TimeZone").Scan(&name) != nil {
		return time.UTC
	}
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.UTC
}

func boundPostgres(ctx context.Context, tx *sql.Tx, limit time.Duration) error {
	_, err := tx.ExecContext(ctx, "SELECT set_config('statement_timeout', $1, true)", strconv.FormatInt(limit.Milliseconds(), 10))
	return err
}

// keyOfPostgres orders numbers and UUIDs as such and everything else as text
// by its bytes: the order of a database's own collation may change with its
// operating system, and then a cursor would skip rows.
func keyOfPostgres(_ context.Context, _ *sql.Tx, probe keyProbe) (keyColumn, error) {
	plain := func(kind string, numeric bool) keyColumn {
		return keyColumn{
			order:   probe.column,
			text:    "CAST(" + probe.column + " AS text)",
			cursor:  func(p string) string { return "CAST(" + p + " AS " + kind + ")" },
			numeric: numeric,
		}
	}
	switch probe.kind {
	case "INT2", "INT4", "INT8":
		return plain("bigint", true), nil
	case "NUMERIC":
		return plain("numeric", true), nil
	case "UUID":
		return plain("uuid", false), nil
	}
	text := "CAST(" + probe.column + " AS text)"
	return keyColumn{
		order:  "rtrim(" + text + `) COLLATE "C"`,
		text:   text,
		cursor: func(p string) string { return "CAST(" + p + ` AS text) COLLATE "C"` },
	}, nil
}

// speakingClasses are the classes of SQLSTATE whose messages speak of the
// query, the server or the connection, never of the rows.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const speakingClasses = "08 0A 25 28 3D 3F 40 42 53 55 57 58"

func explainPostgres(doing string, err error) *LegacyError {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		var connect *pgconn.ConnectError
		if errors.As(err, &connect) || isNetwork(err) {
			return &LegacyError{Doing: doing, Text: err.Error(), temporary: true}
		}
		return &LegacyError{Doing: doing, Text: "a value could not be carried by the driver"}
	}
	class := answer.Code[:min(2, len(answer.Code))]
	text := withheld
	if strings.Contains(speakingClasses, class) {
		text = answer.Message
	}
	return &LegacyError{Doing: doing, Code: answer.Code, Text: text, temporary: strings.Contains("08 40 53 55 57 58", class)}
}

// quoteName quotes a name as standard SQL does.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
