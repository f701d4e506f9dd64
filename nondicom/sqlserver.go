package nondicom

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// sqlServer is Microsoft SQL Server through its own driver. The SQL is such
// that SQL Server 2005 understands it: TOP, not OFFSET … FETCH. It knows no
// transaction that reads only, but what stands in a derived table can do
// nothing else, and every transaction is rolled back. A query whose client
// leaves is ended by the driver's attention signal; the server's own limit is
// only for locks.
var sqlServer = dialect{
	lexis:       lexis{brackets: true, nested: true},
	connect:     connectSQLServer,
	zone:        func(context.Context, *sql.DB) *time.Location { return time.UTC }, // its times have their zone in them, or none
	bound:       boundSQLServer,
	placeholder: func(n int) string { return "@p" + strconv.Itoa(n) },
	date:        func(placeholder string) string { return "CAST(" + placeholder + " AS date)" },
	key:         keyOfSQLServer,
	quote:       func(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" },
	limit:       func(selection string, rows int) string { return "SELECT TOP (" + strconv.Itoa(rows) + ") " + selection },
	cell:        cellOfSQLServer,
	explain:     explainSQLServer,
}

// connectSQLServer opens sqlserver://user:password@host:port/database, or in
// the driver's own form sqlserver://user:password@host/INSTANCE?database=name.
func connectSQLServer(address string) (*sql.DB, error) {
	const form = "sqlserver://user:password@host:port/database, or …@host/INSTANCE?database=name"
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("legacy database: the sqlserver URL cannot be read (" + form + ")")
	}
	query := u.Query()
	if !query.Has("database") {
		query.Set("database", strings.Trim(u.Path, "/"))
		u.Path = ""
	}
	if !query.Has("ApplicationIntent") && !query.Has("applicationintent") {
		query.Set("ApplicationIntent", "ReadOnly") // a secondary of an availability group may answer
	}
	query.Set("app name", "pacsbridge")
	u.RawQuery = query.Encode()
	config, err := msdsn.Parse(u.String())
	if err != nil {
		return nil, errors.New("legacy database: the sqlserver URL cannot be read (" + form + ")") // the driver's message quotes it
	}
	return sql.OpenDB(mssql.NewConnectorConfig(config)), nil
}

func boundSQLServer(ctx context.Context, tx *sql.Tx, limit time.Duration) error {
	_, err := tx.ExecContext(ctx, "SET LOCK_TIMEOUT "+strconv.FormatInt(limit.Milliseconds(), 10))
	return err
}

// keyOfSQLServer orders whole and decimal numbers as such, everything else as
// text by its code points.
func keyOfSQLServer(_ context.Context, _ *sql.Tx, probe keyProbe) (keyColumn, error) {
	plain := func(kind string) keyColumn {
		return keyColumn{
			order:   probe.column,
			text:    "CAST(" + probe.column + " AS nvarchar(60))",
			cursor:  func(p string) string { return "CAST(" + p + " AS " + kind + ")" },
			numeric: true,
		}
	}
	switch kind := strings.ToUpper(probe.kind); {
	case strings.HasSuffix(kind, "INT"):
		return plain("bigint"), nil
	case kind == "DECIMAL" || kind == "NUMERIC":
		return plain("decimal(38," + strconv.Itoa(probe.scale) + ")"), nil
	}
	const bytewise = " COLLATE Latin1_General_BIN2"
	text := "CAST(" + probe.column + " AS nvarchar(4000))"
	return keyColumn{
		order:  "RTRIM(" + text + ")" + bytewise,
		text:   text,
		cursor: func(p string) string { return "CAST(" + p + " AS nvarchar(4000))" + bytewise },
	}, nil
}

// cellOfSQLServer reads the one type that the driver hands out in bytes of the
// server's own order.
func cellOfSQLServer(value any, kind string) any {
	if raw, ok := value.([]byte); ok && kind == "UNIQUEIDENTIFIER" {
		var id mssql.UniqueIdentifier
		if id.Scan(raw) == nil {
			return id.String()
		}
	}
	return value
}

// Numbers of SQL Server's answers that speak of the query, the server or the
// connection, never of the rows.
// https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
var (
	sqlServerSpeaking = []int32{102, 105, 156, 170, 195, 207, 208, 209, 229, 230, 319, 911, 916, 1033, 4060, 4104, 8155, 8156, 18452, 18456, 18470, 18486, 18487, 18488}
	sqlServerPassing  = []int32{701, 1204, 1205, 1222, 6005, 10928, 10929, 17142, 40197, 40501, 40613}
)

func explainSQLServer(doing string, err error) *LegacyError {
	var answer mssql.Error
	if !errors.As(err, &answer) {
		if isNetwork(err) {
			return &LegacyError{Doing: doing, Text: err.Error(), temporary: true}
		}
		return &LegacyError{Doing: doing, Text: "a value could not be carried by the driver, or the server could not be reached"}
	}
	e := &LegacyError{Doing: doing, Code: strconv.Itoa(int(answer.Number)), Text: withheld}
	e.temporary = slices.Contains(sqlServerPassing, answer.Number)
	if e.temporary || slices.Contains(sqlServerSpeaking, answer.Number) {
		e.Text = answer.Message
	}
	return e
}
