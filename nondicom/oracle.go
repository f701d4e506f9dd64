package nondicom

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	ora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"
)

// oracle is Oracle Database through go-ora, without a client of Oracle's. The
// SQL is such that Oracle 8i understands it: ROWNUM around the ordered query,
// not FETCH FIRST. The server knows no limit of its own for a session's
// statements; a query whose client leaves is ended by the driver's break.
var oracle = dialect{
	lexis:       lexis{quoting: true},
	connect:     connectOracle,
	zone:        func(context.Context, *sql.DB) *time.Location { return time.UTC }, // its times have their zone in them, or none
	bound:       boundOracle,
	placeholder: func(n int) string { return ":" + strconv.Itoa(n) },
	date:        func(placeholder string) string { return "TO_DATE(" + placeholder + ", 'YYYY-MM-DD')" },
	key:         keyOfOracle,
	quote:       quoteName,
	nullsFirst:  " NULLS FIRST",
	limit: func(selection string, rows int) string {
		return "SELECT * FROM (SELECT " + selection + ") WHERE ROWNUM <= " + strconv.Itoa(rows)
	},
	explain: explainOracle,
}

// connectOracle opens oracle://user:password@host:port/service; ?SID=name
// stands for a service where a database is too old to have one.
func connectOracle(address string) (*sql.DB, error) {
	const form = "oracle://user:password@host:port/service"
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("legacy database: the oracle URL cannot be read (" + form + ")")
	}
	if u.Port() == "" {
		u.Host = hostAndPort(u, "1521")
	}
	for name := range u.Query() {
		if strings.Contains(strings.ToLower(name), "trace") {
			return nil, errors.New("legacy database: the oracle URL asks for a trace file, which would hold patients' data")
		}
	}
	return sql.OpenDB(ora.NewConnector(u.String())), nil
}

// boundOracle makes the transaction one that reads only, at one point in time,
// and its session one in which numbers and dates become the same text whatever
// the country (the cursor of a key that is a date).
func boundOracle(ctx context.Context, tx *sql.Tx, _ time.Duration) error {
	for _, set := range []string{
		"SET TRANSACTION READ ONLY",
		"ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,' NLS_DATE_FORMAT = 'YYYY-MM-DD\"T\"HH24:MI:SS' NLS_COMP = BINARY",
	} {
		if _, err := tx.ExecContext(ctx, set); err != nil {
			return err
		}
	}
	return nil
}

// keyOfOracle orders numbers as such and everything else as text by its bytes.
func keyOfOracle(_ context.Context, _ *sql.Tx, probe keyProbe) (keyColumn, error) {
	if strings.ToUpper(probe.kind) == "NUMBER" {
		return keyColumn{
			order:   probe.column,
			text:    "TO_CHAR(" + probe.column + ", 'TM9')",
			cursor:  func(p string) string { return "TO_NUMBER(" + p + ")" },
			numeric: true,
		}, nil
	}
	bytewise := func(text string) string { return "NLSSORT(" + text + ", 'NLS_SORT=BINARY')" }
	text := "TO_CHAR(" + probe.column + ")"
	return keyColumn{order: bytewise("RTRIM(" + text + ")"), text: text, cursor: bytewise}, nil
}

// explainOracle repeats what speaks of the query, the server or the
// connection, never of the rows.
func explainOracle(doing string, err error) *LegacyError {
	var answer *network.OracleError
	if !errors.As(err, &answer) {
		if isNetwork(err) {
			return &LegacyError{Doing: doing, Text: err.Error(), temporary: true}
		}
		return &LegacyError{Doing: doing, Text: "a value could not be carried by the driver, or the server could not be reached"}
	}
	e := &LegacyError{Doing: doing, Code: "ORA-" + strconv.Itoa(answer.ErrCode), Text: withheld}
	switch code := answer.ErrCode; {
	case code >= 900 && code < 1000, code >= 1000 && code < 1100, code == 1456, code >= 28000 && code < 28100, code >= 12150 && code < 12700:
		e.Text = strings.TrimSpace(answer.Error())
	}
	switch answer.ErrCode {
	case 18, 20, 54, 60, 1013, 1033, 1034, 1089, 1090, 3113, 3114, 3135, 12514, 12516, 12519, 12520, 12528, 12541:
		e.temporary = true
	}
	return e
}
